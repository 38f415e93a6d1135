"""One offered module on its way onto a board: download, upload, check, self-test, switch, confirm; back to the old one on any failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..errors import DeviceError, ServiceError
from .board import Board, reason_of
from .cache import Cache
from .link import Link, Offer, Said

PROGRESS_S = 2.0  # between two reports of an upload; the server is asked for a cancel as often
ENDED = (404, 409, 410)  # the server's answers when an action is over


SELFTEST = "self-test: outputs differ from the compiler's"


class Stopped(Exception):
    """The gateway is to end; what was begun goes on at its next start."""


class Withdrawn(Exception):
    """The server wants the action back."""


@dataclass(slots=True)
class Update:
    """An action's feedbacks, numbered on from the last one that the server heard."""

    link: Link
    cache: Cache
    offer: Offer
    note: Callable[[str, str], None]
    stop: threading.Event
    seq: int = 0
    _reported_at: float = 0.0

    def __post_init__(self) -> None:
        self.seq = self.offer.seq

    def download(self) -> bytes:
        """The module, from the server or from here. ModuleError when it is not what was offered."""
        self._say(Said("download"))
        return self.cache.fetch(self.link, self.offer, self._downloaded)

    def install(self, board: Board, data: bytes) -> Said:
        """The last words about the action; the board runs the new module when they are a success, else what it ran before."""
        offer = self.offer
        try:
            board.open(offer.model)
            running = board.running()
            if running and running[0] == offer.sha256:  # the gateway died, or the server, before the success was heard
                return self._result(board.look())
            self._upload(board, data)
            return self._prove(board)
        except DeviceError as error:
            reason = reason_of(error)
        except Withdrawn:
            board.revert("withdrawn")
            raise
        with suppress(DeviceError):  # whatever the board's trouble is, the server is told the first of it
            board.revert(reason)
        return Said("closed", "failure", reason)

    def _prove(self, board: Board) -> Said:
        """Check and self-test beside the old module, which runs until the new one has passed both."""
        self._say(Said("downloaded"))
        board.check()
        self.note("check", f"{self.name}: length, SHA-256, signature and room are right")
        self._say(Said("proceeding"))
        found = board.test()
        if found["selftest"]:
            board.switch()
            board.confirm()
        else:
            board.revert(SELFTEST)
        return self._result(found)

    def _result(self, found: dict[str, Any]) -> Said:
        if not found["selftest"]:
            return Said("closed", "failure", SELFTEST)
        return Said("closed", "success", "self-test passed", health=health_of(self.offer, found))

    def close(self, said: Said) -> None:
        """Says the last words; an action that has ended meanwhile needs none."""
        self.seq += 1
        try:
            self.link.tell(self.offer.action, self.seq, said)
        except ServiceError as error:
            if error.status not in ENDED:
                raise

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.offer.model} v{self.offer.version}"

    def _upload(self, board: Board, data: bytes) -> None:
        start = board.begin(self.offer)
        self.note("upload", f"{self.name}: {len(data)} B to the board, from byte {start}")
        for at in range(start, len(data), board.CHUNK_BYTES):
            if self.stop.is_set():
                raise Stopped
            board.write(data[at : at + board.CHUNK_BYTES])
            self._progress(min(at + board.CHUNK_BYTES, len(data)), len(data))

    def _downloaded(self, done: int, total: int) -> None:
        if self.stop.is_set():
            raise Stopped

    def _progress(self, done: int, total: int) -> None:
        """A server that is away does not hold up the board."""
        if time.monotonic() < self._reported_at + PROGRESS_S:
            return
        self._reported_at = time.monotonic()
        self.note("progress", f"{self.name}: {100 * done // total} %")
        self._say(Said("download", progress=(done, total)))
        with suppress(ServiceError):
            if "cancelAction" in self.link.poll().links:
                raise Withdrawn

    def _say(self, said: Said) -> None:
        """A step on the way: one that the server misses it can do without."""
        self.seq += 1
        try:
            self.link.tell(self.offer.action, self.seq, said)
        except ServiceError as error:
            if error.status in ENDED:
                raise Withdrawn from error


def health_of(offer: Offer, found: dict[str, Any]) -> dict[str, Any]:
    """A health report of the device protocol."""
    return {"model": offer.model, "version": offer.version, "sha256": offer.sha256, **found, "errors": 0}
