"""Put public release keys on a board, which from then on runs only modules that they answer for."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..errors import DeviceError
from .install import KEYS_PATH, VERIFIER, install
from .transport import Device, Progress, no_progress

# The new file is whole before the old one goes; a device that finds none takes the new one, see device/tinyml/source.py.
_REPLACE = """
import os
try:
    os.rename({path!r} + '.new', {path!r})
except OSError:
    os.remove({path!r})
    os.rename({path!r} + '.new', {path!r})
"""
_READ_BACK = "import tinyml.trust\nprint(tinyml.trust.fingerprints())"


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the keys are, their fingerprints as the board reads them, and the files of the runtime that it lacked."""

    path: str
    fingerprints: list[str]
    written: list[str]


def install_keys(device: Device, content: str, progress: Progress = no_progress) -> Installed:
    """Puts `content`, of `sign.device_keys`, on a board, and before it what the board lacks to check signatures.

    Raises DeviceError when the board has no filesystem or reads something else back.
    """
    written = install(device, progress, parts=[VERIFIER])
    try:
        device.write_file(KEYS_PATH + ".new", content.encode())
        whole = device.read_file(KEYS_PATH + ".new") == content.encode()
    except DeviceError as error:
        raise DeviceError(
            f"{KEYS_PATH} cannot be written: the board needs a filesystem that it can write to\n{error}"
        ) from error
    if not whole:
        raise DeviceError(f"{KEYS_PATH}.new is not what was written; the old keys are untouched: try again")
    device.exec(_REPLACE.format(path=KEYS_PATH))
    return Installed(KEYS_PATH, ast.literal_eval(device.exec(_READ_BACK).decode()), written)
