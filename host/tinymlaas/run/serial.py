"""A real board, or the PTY of an emulated one, on a serial port."""

from __future__ import annotations

from ..device.deploy import deploy
from ..device.transport import Device, SerialDevice
from ..errors import UsageError
from ..graph import Array
from ..target import Board
from ..unpack import Module
from .result import Progress, Result, device_result
from .session import feed_text, run_session

MODULE_NAME = "tinymlaas_run.tml"


def is_serial_port(text: str) -> bool:
    """Whether a --on argument is a port (/dev/ttyACM0, COM3, rfc2217://…) and not a board's name."""
    return "/" in text or text.upper().startswith("COM")


def without_port(board: Board, module: Module, inputs: Array, reset_each: bool, progress: Progress) -> Result:
    """A board that is not emulated: only its port can be run on."""
    raise UsageError(f"{board.id} is not emulated; connect it and name its serial port: --on /dev/ttyACM0")


def run_serial(port: str, module: Module, inputs: Array, reset_each: bool, progress: Progress) -> Result:
    """Put the module on the board and run it there; the time is the board's own, by ticks_us."""
    with SerialDevice(port) as device:
        place = deploy(device, MODULE_NAME, module.data)
        return run_deployed(
            device, port, place.path, module, inputs, counter=None, reset_each=reset_each, progress=progress
        )


def run_deployed(
    device: Device,
    name: str,
    path: str,
    module: Module,
    inputs: Array,
    *,
    counter: int | None,
    reset_each: bool,
    progress: Progress,
) -> Result:
    """Run a module that lies on the device already; counter: address of a cycle counter, None: the board's clock."""
    answers = run_session(
        device, path, counter, inputs, feed_text(device, inputs), reset_each=reset_each, progress=progress
    )
    unit = "microseconds" if counter is None else "cycles"
    return device_result(name, module, answers.facts, answers.rows, None, answers.ticks, unit)
