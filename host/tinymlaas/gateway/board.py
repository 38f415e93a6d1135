"""The board's side of an update: tinyml.slots on a board, driven over its REPL."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from ..device.identity import Identity, read_identity
from ..device.transport import Device, SerialDevice, base64_literal
from ..errors import BoardError, DeviceError
from .link import Offer

SLOW_S = 600.0  # for what runs inferences
_RAISED = re.compile(r"^(\w+(?:Error|Exception|Interrupt)): (.*)$", re.DOTALL)

# The program on the board may have the model's places open: its object is used, so that what is switched is switched in it, too;
# two objects would not know of each other's changes.
_OPEN = """
import gc, json
from tinyml import slots as _slots
def _mine(v):
    return isinstance(v, _slots.Slots) and v.name == {model!r}
_s = globals().get('_s')
_found = [v for k, v in list(globals().items()) if k != '_s' and _mine(v)]
if _found and _s not in _found:
    _s = _found[0]
_found = None
if not _mine(_s):
    _s = _slots.Slots({model!r})
gc.collect()
print(json.dumps(_s.model and [_s.sha256, _s.version]))
"""
_HEALTH = """
import time
_ok = _s.model.selftest()
_t = []
for _v in range(3):
    _n = time.ticks_us()
    _s.model.run()
    _t.append(time.ticks_diff(time.ticks_us(), _n))
gc.collect()
print(json.dumps({"selftest": _ok, "inference_us": min(_t), "heap_free": gc.mem_free()}))
"""
_CAPABILITIES = """
import gc, json
from tinyml.capabilities import capabilities as _c
gc.collect()
print(json.dumps(_c(globals().get('_s'), 'gateway')))
"""


class Board:
    """A board during one visit. What its code raises is a DeviceError; a board that does not answer, a BoardError."""

    CHUNK_BYTES: Final = 1024

    def __init__(self, device: Device) -> None:
        self._device = device

    def identity(self) -> Identity | None:
        """Who it is; None when it was not enrolled."""
        return read_identity(self._device)

    def capabilities(self, model: str) -> dict[str, Any]:
        """What it is, measured with its model in memory."""
        if model:
            self.open(model)
        found: dict[str, Any] = self._json(_CAPABILITIES)
        return found

    def open(self, model: str) -> None:
        """The places of a model; what runs is loaded."""
        self._running = self._json(_OPEN.format(model=model), SLOW_S)

    def running(self) -> tuple[str | None, int] | None:
        """SHA-256 (None: not installed over the air) and version of the module that runs; None when there is none."""
        return (self._running[0], self._running[1]) if self._running else None

    def begin(self, offer: Offer) -> int:
        """How many bytes of the offered module are here."""
        return int(self._json(f"print(_s.begin({offer.sha256!r}, {offer.size}, {offer.version}))"))

    def write(self, data: bytes) -> None:
        """The bytes that follow."""
        self._device.exec(f"from binascii import a2b_base64 as _b\n_n = _s.write(_b({base64_literal(data)}))")

    def check(self) -> None:
        """Length, hash, signature, release counter, room in memory."""
        self._device.exec("_s.check()", SLOW_S)

    def test(self) -> dict[str, Any]:
        """The self-test of the new module beside the old one: selftest, inference_us, heap_free."""
        found: dict[str, Any] = self._json("print(json.dumps(_s.test()))", SLOW_S)
        return found

    def switch(self) -> None:
        """The new module runs, the old one comes back with a reset."""
        self._device.exec("_s.switch()")

    def confirm(self) -> None:
        """The new module runs for good."""
        self._device.exec("_s.confirm()")

    def revert(self, reason: str) -> None:
        """The old module runs, what came is forgotten."""
        self._device.exec(f"_s.revert({reason!r})")

    def look(self) -> dict[str, Any]:
        """The self-test of what runs: selftest, inference_us, heap_free."""
        found: dict[str, Any] = self._json(_HEALTH, SLOW_S)
        return found

    def _json(self, code: str, timeout: float = 30.0) -> Any:
        try:
            lines = self._device.exec(code, timeout).decode("utf-8", "replace").strip().splitlines()
        except DeviceError as error:
            if "ImportError" not in str(error):
                raise
            what = str(error).splitlines()[-1]
            raise BoardError(f"tinyml on the board is too old for updates ({what}): flash newer firmware") from error
        try:
            return json.loads(lines[-1])
        except (ValueError, IndexError) as error:
            raise BoardError(
                f"the board printed {lines[-1:]} where an answer was due; its program prints, too?"
            ) from error


@contextlib.contextmanager
def visit(port: str) -> Iterator[Board]:
    """A board while its program stands still. What is in memory stays; a program that was interrupted is started anew afterwards."""
    with SerialDevice(port, soft_reset=False) as device:
        try:
            yield Board(device)
        finally:
            if device.interrupted:
                with contextlib.suppress(BoardError):
                    device.start_program()


def reason_of(error: DeviceError) -> str:
    """What the board's code raised, without the traceback."""
    last = str(error).strip().splitlines()[-1]
    found = _RAISED.match(last)
    return found[2] if found and found[1] in ("ValueError", "OSError", "MemoryError") else last
