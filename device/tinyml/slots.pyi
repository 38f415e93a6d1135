"""Two places for the module of a model. Explained in docs/DEVICE_API.md."""

from collections.abc import Iterator
from typing import Any, Final, TypedDict

from typing_extensions import Buffer

from . import Model

FOLDER: Final[str]

class Next(TypedDict):
    """A module that is on its way."""

    sha256: str
    size: int
    version: int
    tries: int

class Tested(TypedDict):
    """What a test found: bytes, and microseconds of one inference."""

    selftest: bool
    inference_us: int
    heap_free: int

class Damaged(ValueError):
    """A download that is not what it should be; it was deleted."""

class Slots:
    """The two places of a model's modules on the filesystem, and what runs."""

    name: str
    error: str
    """Why the module that should run does not, or why the last one was not taken; "" when all is well."""

    def __init__(self, name: str, folder: str = ..., initial: str | None = None) -> None:
        """initial: path of a module to run until one was installed here. Raises ValueError for a name with a slash."""
    @property
    def model(self) -> Model | None:
        """The model to run now; None when none loads, see error."""
    @property
    def path(self) -> str | None: ...
    @property
    def version(self) -> int: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def next(self) -> Next | None: ...
    @property
    def floor(self) -> int:
        """Lowest release counter that may still run; 0 until a module was confirmed on a device with release keys."""
    @property
    def notes(self) -> dict[str, Any]: ...
    def begin(self, sha256: str, size: int, version: int) -> int:
        """How many bytes of this module are here already. Raises ValueError, OSError when the filesystem has no room."""
    def write(self, buffer: Buffer) -> int:
        """Append; returns how many bytes there are. Raises ValueError for too many, OSError."""
    def check(self) -> None:
        """Raises ValueError, OSError or MemoryError with the reason why the module cannot be taken."""
    def checking(self) -> Iterator[None]:
        """check() in pieces of 512 bytes."""
    def pause(self) -> None:
        """Put what was written into the filesystem."""
    def room(self) -> int:
        """Bytes that a new module may have on the filesystem."""
    def test(self) -> Tested:
        """Run the module's test vectors. Raises ValueError when it has none, or was tested three times without an end."""
    def switch(self) -> None:
        """Run the new one; raises ValueError unless its self-test has passed."""
    def confirm(self, **notes: Any) -> None:
        """Keep it. Raises ValueError before switch(), OSError when that cannot be written."""
    def revert(self, reason: str, **notes: Any) -> None:
        """Back to the old one; the new one is deleted."""
    def note(self, **notes: Any) -> None:
        """Keep values that JSON can hold."""

def flash_free(folder: str) -> int:
    """Bytes free on the filesystem of a folder."""
