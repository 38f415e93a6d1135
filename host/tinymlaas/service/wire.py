"""A thin HTTP/1.1 client for many small requests over few connections: httptools parses, nothing is made that need not be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

from ..errors import UsageError

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes = b""
    etag: bytes = b""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect to."""

    host: str
    port: int
    tls: bool = False


def parse_url(url: str) -> Server:
    """Host and port of http://… or https://…; UsageError otherwise."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url}: no http or https URL")
    tls = parts.scheme == "https"
    return Server(parts.hostname, parts.port or (443 if tls else 80), tls)


def request(method: str, path: str, headers: bytes, body: bytes = b"") -> bytes:
    """The bytes of a request; ``headers`` are whole lines."""
    length = b"content-length: %d\r\n" % len(body) if body or method != "GET" else b""
    return b"%s %s HTTP/1.1\r\nhost: s\r\n%s%s\r\n%s" % (method.encode(), path.encode(), headers, length, body)


@dataclass
class Wire(asyncio.Protocol):
    """One connection, one request at a time; opened at the first one, and again after a failure."""

    server: Server
    _transport: asyncio.Transport | None = None
    _parser: httptools.HttpResponseParser | None = None
    _waiter: asyncio.Future[Reply] | None = None
    _body: list[bytes] = field(default_factory=list)
    _headers: dict[bytes, bytes] = field(default_factory=dict)

    async def ask(self, data: bytes) -> Reply:
        """The answer; OSError or TimeoutError when there is none."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            where = (self.server.host, self.server.port)
            await loop.create_connection(lambda: self, *where, ssl=self.server.tls or None)
        assert self._transport is not None
        self._waiter = loop.create_future()
        self._transport.write(data)
        timer = loop.call_later(TIMEOUT_S, self._fail, TimeoutError(f"no answer within {TIMEOUT_S:g} s"))
        try:
            return await self._waiter
        finally:
            timer.cancel()

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A fresh parser for a fresh connection."""
        self._transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Parses; what is no HTTP ends the connection."""
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits is told."""
        self._fail(ConnectionError("the connection was closed"))

    def _fail(self, error: Exception) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._body.clear()
        self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        assert self._parser is not None
        status, headers = self._parser.get_status_code(), self._headers
        retry = headers.get(b"retry-after", b"0")
        reply = Reply(status, b"".join(self._body), headers.get(b"etag", b""), float(retry) if retry.isdigit() else 0.0)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(reply)
