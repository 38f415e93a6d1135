"""What one running process of the service holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sqlalchemy import Engine

from .database import open_database
from .limits import Buckets
from .settings import Settings
from .store import Store, open_store

UPLOADS = 2  # compiled at once by one process; others wait


@dataclass(frozen=True, slots=True)
class Instance:
    """Database, store, and what is counted in this process only. Everything that must survive it is in the first two."""

    settings: Settings
    engine: Engine
    store: Store
    operators: Buckets  # requests per operator token
    strangers: Buckets  # wrong tokens per address
    uploads: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(UPLOADS)
    )  # compiled while they wait
    work: threading.Event = field(default_factory=threading.Event)  # set when there may be something to compile
    stopping: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Tells the workers to end."""
        self.stopping.set()
        self.work.set()


def open_instance(settings: Settings) -> Instance:
    """Opens database (brought up to date) and store; TinymlError says what is wrong with either."""
    return Instance(
        settings,
        open_database(settings.database),
        open_store(settings.store),
        Buckets(settings.operator_rate),
        Buckets(settings.login_rate, burst=settings.login_rate),
    )
