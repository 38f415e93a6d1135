"""What this device is. Explained in docs/SERVICE.md."""

from typing import Any

from .slots import Slots

def capabilities(slots: Slots | None = None, link: str = "http") -> dict[str, Any]:
    """The fields of docs/SERVICE.md; sizes in bytes, measured now. slots: of the model that runs, which must be loaded."""
