"""Who a device is: the file that `tinymlaas enrol` puts on it, for tinyml.ota and for the gateway."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ..errors import DeviceError
from .transport import Device

CONFIG_PATH = "/tinyml_ota.json"  # on a device, as in device/tinyml/ota.py

# The new file is whole before the old one goes: FAT cannot rename over it.
_REPLACE = """
import os
try:
    os.rename({path!r} + '.new', {path!r})
except OSError:
    os.remove({path!r})
    os.rename({path!r} + '.new', {path!r})
"""
_READ = """
def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ''
print(_read({path!r}) or _read({path!r} + '.new'))
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """A device's name at a server; its token, "" behind a gateway's; and the model it runs, "" for whatever it is given."""

    server: str
    device: str
    token: str = ""
    model: str = ""

    def as_json(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self))


def parse_identity(text: str) -> Identity:
    """The content of the file; DeviceError when it is damaged."""
    try:
        known = json.loads(text)
        return Identity(*(str(known[name]) for name in ("server", "device", "token", "model")))
    except (ValueError, KeyError, TypeError) as error:
        raise DeviceError(f"{CONFIG_PATH} is damaged ({error}); write it again with: tinymlaas enrol") from error


def read_identity(device: Device) -> Identity | None:
    """Who a board is; None when nobody has told it."""
    text = device.exec(_READ.format(path=CONFIG_PATH)).decode().strip()
    return parse_identity(text) if text else None


def write_identity(device: Device, identity: Identity) -> None:
    """Tells a board who it is. Raises DeviceError when it has no filesystem that it can write to."""
    content = identity.as_json().encode()
    try:
        device.write_file(CONFIG_PATH + ".new", content)
        whole = device.read_file(CONFIG_PATH + ".new") == content
    except DeviceError as error:
        raise DeviceError(
            f"{CONFIG_PATH} cannot be written: the board needs a filesystem that it can write to\n{error}"
        ) from error
    if not whole:
        raise DeviceError(f"{CONFIG_PATH}.new is not what was written; try again")
    device.exec(_REPLACE.format(path=CONFIG_PATH))
