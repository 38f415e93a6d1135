"""Replaces a small file on a board such that the old one or the new one is whole at any time."""

from __future__ import annotations

from ..errors import DeviceError
from .transport import Device

# FAT cannot rename over a file. Should the power fail between the two steps, whoever reads the file finds the one that ends in .new.
_REPLACE = """
import os
try:
    os.rename({path!r} + '.new', {path!r})
except OSError:
    os.remove({path!r})
    os.rename({path!r} + '.new', {path!r})
"""


def replace_file(device: Device, path: str, content: bytes) -> None:
    """Writes PATH.new, reads it back, and renames it. Raises DeviceError when the board has no filesystem that it can write to."""
    try:
        device.write_file(path + ".new", content)
        whole = device.read_file(path + ".new") == content
    except DeviceError as error:
        raise DeviceError(
            f"{path} cannot be written: the board needs a filesystem that it can write to\n{error}"
        ) from error
    if not whole:
        raise DeviceError(f"{path}.new is not what was written; the old file is untouched: try again")
    device.exec(_REPLACE.format(path=path))
