"""Put public release keys on a board, which from then on runs only modules that they answer for."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .install import KEYS_PATH, VERIFIER, install
from .replace import replace_file
from .transport import Device, Progress, no_progress

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
    replace_file(device, KEYS_PATH, content.encode())
    return Installed(KEYS_PATH, ast.literal_eval(device.exec(_READ_BACK).decode()), written)
