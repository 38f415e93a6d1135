"""Runs a module on a board: the host's C library, an emulated board, or a real one on a serial port."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ModuleError
from ..graph import Array
from ..target import Board, accepts, board_by_name
from ..unpack import Module, unpack
from .emulated import run_pico, run_qemu
from .hosted import run_host, run_unix
from .profile import Profile, profile_pico, profile_qemu
from .result import Progress, Result, check_inputs
from .serial import is_serial_port, run_serial, without_port
from .timed import profile_host, profile_serial, profile_unix, profile_without_port

__all__ = ["Profile", "Progress", "Result", "check_target", "profile_module", "run_module"]

_Runner = Callable[[Board, Module, Array, bool, Progress], Result]

_RUNNERS: dict[str, _Runner] = {
    "host": run_host,
    "unix": run_unix,
    "qemu": run_qemu,
    "emulator": run_pico,
    "serial": without_port,
}

_PROFILERS: dict[str, Callable[[Board, Module], Profile]] = {
    "host": profile_host,
    "unix": profile_unix,
    "qemu": profile_qemu,
    "emulator": profile_pico,
    "serial": profile_without_port,
}


def run_module(
    content: bytes,
    name: str,
    on: str,
    inputs: Array,
    *,
    reset_each: bool = False,
    progress: Progress = lambda done, total: None,
) -> Result:
    """Run the N inputs (N, *input shape) in order on one loaded model; ``on`` is a board's id or a serial port.

    Raises ModuleError when the module is made for another kernel target, UsageError for inputs of the wrong shape or dtype,
    BoardError and DeviceError for what goes wrong on the way.
    """
    module = unpack(content, name)
    rows = check_inputs(module, inputs, name)
    if is_serial_port(on):
        return run_serial(on, module, rows, reset_each, progress)
    board = board_by_name(on)
    check_target(module, board, name)
    return _RUNNERS[board.transport](board, module, rows, reset_each, progress)


def profile_module(content: bytes, name: str, on: str) -> Profile:
    """What each layer takes in one inference; ``on`` is a board's id or a serial port. Raises as ``run_module``."""
    module = unpack(content, name)
    if is_serial_port(on):
        return profile_serial(on, module, name)
    board = board_by_name(on)
    check_target(module, board, name)
    return _PROFILERS[board.transport](board, module)


def check_target(module: Module, board: Board, name: str) -> None:
    """Raises ModuleError, with both names, when the board does not run modules of this target."""
    if not accepts(board.kernel_target, module.target):
        raise ModuleError(
            f"{name}: made for kernel target {module.target}; {board.id} runs {board.kernel_target}; "
            f"convert the model with --target {board.id} (or any)"
        )
