"""Profiles in microseconds by the clock, of repeated inferences: on this computer, and on boards by their own ``Model.profile()``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..ctypes_host import NativeLibrary, NativeModel
from ..device.deploy import deploy
from ..device.install import kernel_target_of, probe
from ..device.transport import Device, SerialDevice
from ..device.unix import UnixBoard
from ..errors import BoardError, ModuleError, UsageError
from ..target import Board, accepts
from ..toolchain.firmware import build_firmware
from ..toolchain.hostlib import build_hostlib
from ..unpack import Module
from .profile import MODULE_NAME, Profile, decode, input_bytes
from .serial import MODULE_NAME as SERIAL_NAME
from .session import INFERENCE_TIMEOUT_S

_PATIENCE = 100  # rounds without a change
_CHANGE = 0.01  # of the sum, that counts as one
_LIMIT_S = 5.0
_HOST_HOW = "smallest of repeated runs by this computer's clock; says nothing about a microcontroller"
_UNIX_HOW = "smallest average of {runs} runs by this computer's clock; says nothing about a microcontroller"
_SERIAL_HOW = "smallest average of {runs} runs by the board's own clock"
_BATCHES = 5
_HEAP_BYTES = 64 << 20

# The first inferences are the self-test's: after them, caches are warm and inputs have been set.
_TIMED = """
import json, time, tinyml, _tinyml
m = tinyml.Model({path!r})
m.selftest() if m.n_selftests else m.run()
whole = layers = None
for _ in range({batches}):
    p = m.profile()
    t = time.ticks_us()
    for _ in range(p.runs):
        m.run()
    t = time.ticks_diff(time.ticks_us(), t) / p.runs
    whole = min(whole or t, t)
    layers = [min(a, x) for a, (_, x) in zip(layers, p)] if layers else [x for _, x in p]
try:
    import machine
    hz = machine.freq()
except (ImportError, AttributeError):
    hz = 0
print(json.dumps([_tinyml.target(), whole, layers, p.runs, hz if isinstance(hz, int) else hz[0]]))
"""


def profile_host(board: Board, module: Module) -> Profile:
    """The C core through ctypes, layer by layer; what a call from Python takes is subtracted."""
    model = NativeLibrary(build_hostlib(board.kernel_target)).load(module.data)
    data = np.frombuffer(input_bytes(module), np.uint8)
    count = len(module.records)

    def one_round() -> list[int]:
        _fill(model, data)
        layers = [model.time_record(i) for i in range(count)]
        _fill(model, data)
        return [*layers, model.time_run(), model.time_nothing()]

    *layers, whole, nothing = (ns / 1000 for ns in smallest(one_round))
    times = tuple(max(us - nothing, 0.001) for us in layers)
    return Profile(board.id, board.kernel_target, "microseconds", times, whole - nothing, _HOST_HOW)


def profile_unix(board: Board, module: Module) -> Profile:
    """Real MicroPython as a process."""
    image = build_firmware(board).image
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MODULE_NAME).write_bytes(module.data)
        with UnixBoard(image, Path(folder), _HEAP_BYTES) as device:
            return _timed(device, MODULE_NAME, board.id, _UNIX_HOW)


def profile_serial(port: str, module: Module, name: str) -> Profile:
    """A real board, or the PTY of an emulated one: the module is put on it first."""
    with SerialDevice(port) as device:
        if not (runtime := probe(device)).has_native or not runtime.has_package:
            raise BoardError(f"the board on {port} has no tinyml; install it with: tinymlaas deploy {name} --on {port}")
        target = kernel_target_of(device)
        if not accepts(target, module.target):
            raise ModuleError(
                f"{name}: made for kernel target {module.target}, the board on {port} runs {target}; "
                f"convert the model with --target {target} (or any)"
            )
        return _timed(device, deploy(device, SERIAL_NAME, module.data).path, port, _SERIAL_HOW)


def profile_without_port(board: Board, module: Module) -> Profile:
    """A board that is not emulated: only its port can be profiled on."""
    raise UsageError(f"{board.id} is not emulated; connect it and name its serial port: --on /dev/ttyACM0")


def _timed(device: Device, path: str, board: str, how: str) -> Profile:
    code = _TIMED.format(path=path, batches=_BATCHES)
    target, whole, layers, runs, clock_hz = decode(device.exec(code, INFERENCE_TIMEOUT_S))
    return Profile(board, target, "microseconds", tuple(layers), whole, how.format(runs=runs), clock_hz)


def smallest(one_round: Callable[[], Sequence[float]]) -> list[float]:
    """The smallest of each figure over as many rounds as it takes for their sum to settle, or until time is up."""
    best, since, end = list(one_round()), 0, time.monotonic() + _LIMIT_S
    while since < _PATIENCE and time.monotonic() < end:
        before = sum(best)
        best = [min(a, b) for a, b in zip(best, one_round(), strict=True)]
        since = 0 if sum(best) < (1 - _CHANGE) * before else since + 1
    return best


def _fill(model: NativeModel, data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    at = 0
    for view in model.inputs:
        view.reshape(-1).view(np.uint8)[:] = data[at : at + view.nbytes]
        at += view.nbytes
