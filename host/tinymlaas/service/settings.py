"""What an instance of the service is told at its start. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how much is allowed.

    database: SQLAlchemy URL. store: folder or URL of an object store (``s3://bucket/prefix``). Times in seconds, sizes in bytes,
    rates per minute and token (or address, where there is no token).
    """

    database: str
    store: str
    tenant: str = "default"
    poll_interval: int = 30
    max_model_bytes: int = 32 << 20
    max_request_bytes: int = 64 << 10  # of anything that is no model
    operator_rate: int = 600
    device_rate: int = 240
    login_rate: int = 20  # wrong tokens of one address
    compile_workers: int = 1
    tick_interval: float = 1.0
    flush_interval: float = 5.0


def local(folder: Path) -> Settings:
    """SQLite and a folder of modules below ``folder``."""
    return Settings(database=f"sqlite:///{folder / 'service.db'}", store=str(folder / "store"))
