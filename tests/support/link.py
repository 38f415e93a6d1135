"""The network between a device and a server: real connections, counted, and cut where a test wants it."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Exchange:
    """A request as it was sent, and the bytes of its answer that were let through."""

    request: bytes
    down: int = 0

    @property
    def line(self) -> str:
        """Method and path."""
        return self.request.split(b" HTTP/", 1)[0].decode()

    def header(self, name: str) -> str:
        """Value of a header, "" when there is none."""
        found = [
            line.partition(b":")[2] for line in self.request.split(b"\r\n") if line.lower().startswith(name.encode())
        ]
        return found[0].decode().strip() if found else ""


@dataclass(slots=True)
class Link:
    """Forwards to a server on this machine. ``stall``: so many bytes of an answer to a request for a module come through, then
    nothing. ``swallow``: answers to requests whose line has this in it never arrive."""

    server_port: int
    port: int = 0
    stall: int | None = None
    swallow: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    _listener: socketserver.ThreadingTCPServer | None = None

    @property
    def url(self) -> str:
        """For the device."""
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Listens, on the same port as before."""
        link = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                link._carry(self.request)

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

        self._listener = Listener(("127.0.0.1", self.port), Handler)
        self.port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Connections are refused from now on."""
        if self._listener:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def asked(self, what: str) -> list[Exchange]:
        """Requests whose line has this in it."""
        return [exchange for exchange in self.exchanges if what in exchange.line]

    def _carry(self, device: socket.socket) -> None:
        request = _whole_request(device)
        if not request:
            return
        seen = Exchange(request)
        self.exchanges.append(seen)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server_port)) as server:
            server.sendall(request)
            while data := server.recv(256):
                if self.swallow and self.swallow in seen.line:
                    continue
                while "/artifacts/" in seen.line and self.stall is not None and seen.down + len(data) > self.stall:
                    if threading.Event().wait(0.02) or not _alive(device):
                        return
                device.sendall(data)
                seen.down += len(data)


@contextlib.contextmanager
def link(server_port: int) -> Iterator[Link]:
    """A link that is open."""
    made = Link(server_port)
    made.open()
    try:
        yield made
    finally:
        made.close()


def _whole_request(device: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        data = device.recv(4096)
        if not data:
            return b""
        request += data
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += device.recv(4096)
    return head + b"\r\n\r\n" + body


def _alive(device: socket.socket) -> bool:
    """False once the other end has gone."""
    device.setblocking(False)
    try:
        return device.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        device.setblocking(True)
