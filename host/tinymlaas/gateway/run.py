"""A gateway: a thread for each board, until it is told to end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from .cache import Cache
from .events import Tell
from .worker import Settings, Worker

GRACE_S = 30.0  # for a board in the middle of something


class Gateway:
    """Boards by their ports."""

    def __init__(self, ports: Sequence[str], settings: Settings, cache: Cache, tell: Tell) -> None:
        self.stop = threading.Event()
        self._workers = [Worker(port, settings, cache, tell, self.stop) for port in dict.fromkeys(ports)]
        self._threads: list[threading.Thread] = []

    def start(self, once: bool = False) -> None:
        """Begins; ``once``: every board until there is nothing left to do."""
        self._threads = [
            threading.Thread(target=worker.run, args=(once,), name=worker.port, daemon=True) for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> list[str]:
        """Until all have ended; ports of those whose last round failed."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(0.5)  # short, so that signals are heard
        return [worker.port for worker in self._workers if not worker.healthy]

    def end(self) -> None:
        """Each board ends what cannot be left half done: a chunk, a test."""
        self.stop.set()
        for thread in self._threads:
            thread.join(GRACE_S)
