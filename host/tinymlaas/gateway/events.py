"""What a gateway tells people of its boards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """What happened with the board on a port. ``kind``: one word for programs; ``at``: seconds since 1970."""

    port: str
    device: str
    kind: str
    text: str
    at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


Tell = Callable[[Event], None]
TROUBLE = ("away", "lost", "failed", "rejected", "refused", "error")  # kinds that --once ends with exit code 1 for
