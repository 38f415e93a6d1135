"""Where things are. Every folder that the toolchain reads or writes is named here and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
BOARDS = REPO / "boards"
DEVICE = REPO / "device"
EMULATOR = REPO / "host" / "emulator"


def _from_environment(variable: str, default: Path) -> Path:
    value = os.environ.get(variable)
    return Path(value).expanduser().resolve() if value else default


def cache_dir() -> Path:
    """Downloads and unpacked third-party sources; ``TINYML_CACHE`` overrides."""
    return _from_environment("TINYML_CACHE", REPO / ".cache")


def build_dir() -> Path:
    """All outputs; ``TINYML_BUILD`` overrides."""
    return _from_environment("TINYML_BUILD", REPO / "build")


def native_dir() -> Path:
    """The native module's sources; ``TINYML_NATIVE_DIR`` overrides."""
    return _from_environment("TINYML_NATIVE_DIR", REPO / "native_module")


def shown(path: Path) -> str:
    """`path` as a person in the repository would type it."""
    return str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path)
