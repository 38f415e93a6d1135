"""What each layer of a module takes on a board, in one warm inference on one input.

Where the board has a counter (emulated boards), counts are exact: two readings surround each layer, and what they take themselves,
the same for every layer, follows from the count of a whole run and is taken off. Elsewhere (``timed.py``) it is microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..device.pico import CYCLE_COUNTER_ADDRESS, FLASH_BYTES, XIP_BASE, EmulatedPico
from ..device.qemu import QemuBoard
from ..device.transport import Device
from ..errors import DeviceError
from ..pack import selftest_inputs
from ..romfs import build
from ..target import Board
from ..toolchain.firmware import build_firmware
from ..unpack import Module
from .session import INFERENCE_TIMEOUT_S

MODULE_NAME = "model.tml"
_SEED = 1  # of the input: that of the module's first self-test vector


@dataclass(frozen=True, slots=True)
class Profile:
    """Figures of one inference. unit: cycles, instructions or microseconds; clock_hz: of the board, where it told."""

    board: str
    target: str  # kernel target of the build
    unit: str
    layers: tuple[float, ...]
    whole: float  # one run() from outside, without looking in between
    how: str  # how it was measured and what that leaves out
    clock_hz: int = 0
    reading: float = 0.0  # what reading the counter took in each layer, already taken off

    @property
    def total(self) -> float:
        """Sum of the layers, in ``unit``."""
        return sum(self.layers)


SETUP = """
import json, uctypes, tinyml, _tinyml
m = tinyml.Model({path!r})
def fill(data):
    at = 0
    for view, size in zip(m.inputs, {sizes}):
        uctypes.bytearray_at(uctypes.addressof(view), size)[:] = data[at:at + size]
        at += size
"""
_COUNTED = """
data = uctypes.bytearray_at({address}, {size})
fill(data); m.run()
fill(data); whole = m._native.run_counted({counter})
fill(data); layers = m._native.profile({counter})
print(json.dumps([_tinyml.target(), whole, layers]))
"""


def input_bytes(module: Module) -> bytes:
    """One input, all inputs of the model one after the other: that of the module's first self-test vector."""
    return b"".join(selftest_inputs(_SEED, [t.bytes for t in module.inputs]))


def setup(module: Module, path: str) -> str:
    """Code that loads the module as ``m`` and defines ``fill(bytes of one input)``."""
    return SETUP.format(path=path, sizes=[t.bytes for t in module.inputs])


def profile_pico(board: Board, module: Module) -> Profile:
    """The emulated Raspberry Pi Pico: exact cycles."""
    data, firmware = input_bytes(module), build_firmware(board).image
    with EmulatedPico(firmware, romfs=build({MODULE_NAME: module.data}), blobs={FLASH_BYTES: data}) as device:
        answer = _count(device, module, XIP_BASE + FLASH_BYTES, CYCLE_COUNTER_ADDRESS)
    how = "exact cycles of an emulated Cortex-M0+; not modelled: flash cache misses, bus contention, the second core"
    return _profile(board, answer, "cycles", lambda ticks: ticks, how)


def profile_qemu(board: Board, module: Module) -> Profile:
    """A QEMU machine: exact counts of executed instructions."""
    qemu, firmware = board.extra["qemu"], build_firmware(board).image
    address, ratio = int(qemu["blob_address"]), float(qemu["instructions_per_tick"])
    blobs = {address: input_bytes(module)}
    with QemuBoard(board, firmware, romfs=build({MODULE_NAME: module.data}), blobs=blobs) as device:
        answer = _count(device, module, address, int(qemu["counter_address"]))
    how = "executed instructions in QEMU, not time; not modelled: pipeline, caches, wait states"
    return _profile(board, answer, "instructions", lambda ticks: round(ticks * ratio), how)


def _count(device: Device, module: Module, address: int, counter: int) -> Any:
    size = sum(t.bytes for t in module.inputs)
    code = setup(module, f"/rom/{MODULE_NAME}") + _COUNTED.format(address=address, size=size, counter=counter)
    return decode(device.exec(code, INFERENCE_TIMEOUT_S))


def decode(output: bytes) -> Any:
    """The JSON value on the last line that a device printed."""
    try:
        return json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise DeviceError(f"unexpected answer from the board: {output[-200:]!r}") from error


def _profile(board: Board, answer: Any, unit: str, count: Callable[[int], int], how: str) -> Profile:
    target, whole, layers = answer[0], count(answer[1]), [count(t) for t in answer[2]]
    reading = max(0.0, (sum(layers) - whole) / len(layers)) if layers else 0.0
    return Profile(board.id, target, unit, tuple(t - reading for t in layers), float(whole), how, reading=reading)
