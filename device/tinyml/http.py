"""As much HTTP as an update takes: one request per connection, answers in pieces, and nothing that waits.

What talks to the network is a generator: it yields where it would have to wait, so that inference goes on. MicroPython's
`requests` waits, keeps whole answers in memory, and is not on every board.
"""

import json
import select
import socket
from time import ticks_diff, ticks_ms

_PATIENCE_MS = 15_000  # without a byte
_MOST_HEAD, _MOST_JSON = 8192, 4096
_KEPT = (b"etag", b"content-length", b"content-range", b"retry-after", b"transfer-encoding")


class Server:
    """Where requests go. url: http(s)://host[:port]; ca: certificate (DER, or path of a file of it) that must have signed the server's."""

    def __init__(self, url, ca=None):
        scheme, _, rest = url.partition("://")
        host, _, port = rest.rstrip("/").partition(":")
        if scheme not in ("http", "https") or not host or "/" in rest.rstrip("/"):
            raise ValueError("'%s' is not like http://host:8000" % url)
        self.host, self.port, self._address = host, int(port or (443 if scheme == "https" else 80)), None
        self._tls = _context(ca) if scheme == "https" else None
        self._buffer = bytearray(512)

    def request(self, method, path, headers, body=b""):
        """A generator that returns the Answer, whose body is still to be read, and which is to be closed."""
        lines = ["%s %s HTTP/1.0" % (method, path), "Host: %s:%d" % (self.host, self.port)]  # 1.0: no chunks
        lines += ["%s: %s" % header for header in headers]
        if body:
            lines += ["Content-Type:application/json", "Content-Length:%d" % len(body)]
        answer = Answer(self._buffer)
        try:
            yield from self._connect(answer)
            yield from answer.send(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
            yield from answer.read_head()
        except BaseException:
            answer.close()
            raise
        return answer

    def _connect(self, answer):
        try:
            if self._address is None:  # looked up once: that waits
                self._address = socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM)[0][-1]
            answer.open(self._address)
            yield from answer.ready()
        except OSError:
            self._address = None
            raise
        if self._tls is not None:
            answer.encrypt(self._tls, self.host)


class Answer:
    """What a server says: status, headers (names in lower case, only those that matter), and the body in pieces."""

    def __init__(self, buffer):
        self.status, self.headers = 0, {}
        self._sock = self._left = None
        self._buffer, self._start, self._end = memoryview(buffer), 0, 0
        self._at = ticks_ms()

    def open(self, address):
        self._sock = socket.socket()
        self._sock.setblocking(False)
        try:
            self._sock.connect(address)
        except OSError as e:
            if e.errno not in (115, 119, 36, 11):  # EINPROGRESS here and there, EAGAIN
                raise

    def ready(self):
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        while not poll.poll(0):
            yield from self._wait()
        self._at = ticks_ms()

    def encrypt(self, context, host):
        self._sock = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)

    def send(self, data):
        view = memoryview(data)
        while len(view):
            n = self._sock.write(view)
            if n:
                view, self._at = view[n:], ticks_ms()
            else:
                yield from self._wait()

    def read_head(self):
        line = yield from self._line()
        if line[:7] not in (b"HTTP/1.", b"HTTP/2 ") or not line[9:12].isdigit():
            raise ValueError("the server does not speak HTTP: %s" % line[:20])
        self.status = int(line[9:12])
        read = 0
        while line:
            line = yield from self._line()
            read += len(line)
            if read > _MOST_HEAD:
                raise ValueError("the head of the answer is longer than %d B" % _MOST_HEAD)
            name, _, value = line.partition(b":")
            if name.lower() in _KEPT:
                self.headers[name.lower().decode()] = value.strip().decode()
        if "transfer-encoding" in self.headers:
            raise ValueError("the server sent chunks to HTTP/1.0; set up its proxy accordingly")
        length = self.headers.get("content-length")
        self._left = 0 if self.status in (204, 304) else None if length is None else int(length)

    def readinto(self, view):
        """A generator that returns how many bytes came, 0 at the end; OSError when the connection ends before that."""
        if self._left is not None:
            view = view[: self._left]
        if not len(view):
            return 0
        n = min(self._end - self._start, len(view))
        if n:
            view[:n] = self._buffer[self._start : self._start + n]
            self._start += n
        else:
            n = yield from self._receive(view)
            if not n and self._left:
                raise OSError(104, "the connection ended with %d B to come" % self._left)
        if self._left is not None:
            self._left -= n
        return n

    def json(self):
        """A generator that returns the body as an object; {} for an empty one, and for text that is no JSON."""
        if (self._left or 0) > _MOST_JSON:
            raise ValueError("an answer of %d B, at most %d are expected" % (self._left, _MOST_JSON))
        body, piece = b"", memoryview(bytearray(256))
        while len(body) <= _MOST_JSON:
            n = yield from self.readinto(piece)
            if not n:
                break
            body += piece[:n]
        try:
            return json.loads(body)
        except ValueError:
            return {}

    def close(self):
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _line(self):
        while True:
            for i in range(self._start, self._end):
                if self._buffer[i] == 10:
                    line, self._start = bytes(self._buffer[self._start : i]), i + 1
                    return line.rstrip(b"\r")
            if self._start:
                n = self._end - self._start
                self._buffer[:n] = bytes(self._buffer[self._start : self._end])
                self._start, self._end = 0, n
            n = yield from self._receive(self._buffer[self._end :])
            if not n:
                raise OSError(104, "the connection ended, or a line is longer than %d B" % len(self._buffer))
            self._end += n

    def _receive(self, view):
        while len(view):
            n = self._sock.readinto(view)
            if n is not None:
                self._at = ticks_ms()
                return n
            yield from self._wait()
        return 0

    def _wait(self):
        if ticks_diff(ticks_ms(), self._at) > _PATIENCE_MS:
            raise OSError(110, "no answer for %d s" % (_PATIENCE_MS // 1000))
        yield


def _context(ca):
    import tls  # under `ssl`, which not every firmware has

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_NONE if ca is None else tls.CERT_REQUIRED
    if isinstance(ca, str):
        with open(ca, "rb") as f:
            ca = f.read()
    if ca is not None:
        context.load_verify_locations(ca)
    return context
