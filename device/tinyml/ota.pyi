"""Keeps a model up to date from a server. Explained in docs/DEVICE_API.md."""

from collections.abc import Callable

from typing_extensions import Buffer

from . import Model
from .slots import Slots

class Refusal(OSError):
    """The server says no: errno is the status of its answer."""

class Unfit(Exception):
    """The device cannot take a module: why."""

class Client:
    """Keeps the model of one name up to date."""

    slots: Slots
    error: str
    """What went wrong in the last round; "" when all is well."""
    runs: int
    """For the app to count: inferences."""
    errors: int
    """For the app to count: inferences that went wrong."""

    def __init__(
        self,
        server: str,
        device: str,
        token: str,
        model: str | Slots,
        initial: str | None = None,
        folder: str = ...,
        ca: str | Buffer | None = None,
        accept: Callable[[Model], bool | None] | None = None,
        health_s: int = 3600,
    ) -> None:
        """Raises ValueError for a server that is no URL. Nothing is sent before step(), poll(), run() or arun()."""
    @property
    def model(self) -> Model | None:
        """The model to run now; None when there is none."""
    def step(self) -> None:
        """A bit of a round, without waiting for the network."""
    def poll(self) -> float:
        """A whole round; seconds until the next. Raises what went wrong: OSError, ValueError, MemoryError."""
    def run(self, work: Callable[[], object] | None = None) -> None:
        """For ever: step() and work() in turns."""
    async def arun(self) -> None:
        """For ever, as a task of asyncio."""
