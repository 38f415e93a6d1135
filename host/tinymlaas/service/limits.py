"""How often and how much: token buckets per key, and a limit on the bytes of a request."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ServiceError

_MOST_KEYS = 200_000  # of one process; the least recently used are forgotten, as if they had been quiet


class Buckets:
    """One token bucket per key: ``rate`` a minute on average, ``burst`` at once (default: ten seconds' worth)."""

    __slots__ = ("_burst", "_clock", "_kept", "_lock", "_per_second")

    def __init__(self, rate: int, burst: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = rate / 60
        self._burst = float(burst if burst is not None else max(1, math.ceil(rate / 6)))
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._clock = clock

    def take(self, key: str) -> float:
        """Takes one from the key's bucket; 0.0, or the seconds until it will have one (nothing is taken then)."""
        at = self._clock()
        with self._lock:
            level = self._level(key, at)
            enough = level >= 1.0
            self._kept[key] = (level - 1.0 if enough else level, at)
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEYS:
                self._kept.popitem(last=False)
        return 0.0 if enough else (1.0 - level) / self._per_second

    def wait(self, key: str) -> float:
        """Seconds until the key's bucket will have one, 0.0 when it has; takes nothing."""
        with self._lock:
            return max(0.0, 1.0 - self._level(key, self._clock())) / self._per_second

    def _level(self, key: str, at: float) -> float:
        level, since = self._kept.get(key, (self._burst, at))
        return min(self._burst, level + (at - since) * self._per_second)


def check(buckets: Buckets, key: str, what: str) -> None:
    """Takes one, or ServiceError 429 that says when to come back."""
    wait = buckets.take(key)
    if wait:
        raise TooMany(wait, what)


class TooMany(ServiceError):
    """429, with the seconds to wait."""

    def __init__(self, wait: float, what: str) -> None:
        self.retry_after = max(1, math.ceil(wait))
        super().__init__(429, f"too many {what}", f"wait {self.retry_after} s")


class LimitBody:
    """ASGI: refuses a request whose body is, or turns out to be, larger than ``limit(scope)`` bytes, with 413.

    ``refuse(scope, most)`` makes the answer to what says beforehand that it is too large.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[Scope], int], refuse: Callable[[Scope, int], ASGIApp]) -> None:
        self.app = app
        self.limit = limit
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts what is read; a stated length that is too large is refused before a byte is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most, seen = self.limit(scope), 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise TooLarge(most)
            return message

        if _stated(scope) > most:
            await self.refuse(scope, most)(scope, receive, send)
        else:
            await self.app(scope, counted, send)


class TooLarge(HTTPException):
    """413, raised out of ``receive``: Starlette and FastAPI let their own exception through where they would hide others."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"the request is larger than {most} bytes")


def too_large(most: int) -> JSONResponse:
    """The answer; the connection is closed, since the rest of the body is not read."""
    body = {"error": TooLarge(most).detail, "remedy": "send less, or raise the limit where the service is started"}
    return JSONResponse(body, 413, headers={"connection": "close"})


def _stated(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
