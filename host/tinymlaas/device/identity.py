"""Who a device is: the file that `tinymlaas enrol` puts on it, for tinyml.ota and for the gateway."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ..errors import DeviceError
from .replace import replace_file
from .transport import Device

CONFIG_PATH = "/tinyml_ota.json"  # on a device, as in device/tinyml/ota.py

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
    replace_file(device, CONFIG_PATH, identity.as_json().encode())
