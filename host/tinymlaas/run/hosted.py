"""On this machine: the C library through ctypes, and MicroPython's unix port."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..ctypes_host import NativeLibrary
from ..errors import DeviceError
from ..graph import Array
from ..target import Board
from ..toolchain.firmware import build_firmware
from ..toolchain.hostlib import build_hostlib
from ..toolchain.sizes import flash_bytes
from ..unpack import Module
from . import script
from .result import Progress, Result, decode_outputs, device_result

_HEAP = "64M"


def run_host(board: Board, module: Module, inputs: Array, reset_each: bool, progress: Progress) -> Result:
    """The same C as on every board, without MicroPython."""
    library_path = build_hostlib(board.kernel_target)
    model = NativeLibrary(library_path).load(module.data)
    rows = []
    for i, row in enumerate(inputs):
        progress(i, len(inputs))
        if reset_each:
            model.reset()
        rows.append(model.run_bytes(row.tobytes()))
    return Result(
        outputs=decode_outputs(module, rows),
        board=board.id,
        target=board.kernel_target,
        arena_bytes=module.arena_bytes,
        module_bytes=len(module.data),
        weights_in_place=True,
        runtime_flash_bytes=flash_bytes([library_path]),
    )


def run_unix(board: Board, module: Module, inputs: Array, reset_each: bool, progress: Progress) -> Result:
    """Real MicroPython as a process, with the module and the inputs as files."""
    firmware = build_firmware(board)
    with tempfile.TemporaryDirectory() as folder:
        module_path, input_path, script_path = (Path(folder) / n for n in ("model.tml", "inputs.bin", "run.py"))
        module_path.write_bytes(module.data)
        input_path.write_bytes(inputs.tobytes())
        script_path.write_text(_script(module_path, input_path, inputs, reset_each))
        lines = list(_lines([str(firmware.image), "-X", f"heapsize={_HEAP}", str(script_path)], len(inputs), progress))
    rows = [script.parse_run(line)[1] for line in lines[1:]]
    return device_result(board.id, module, script.parse_facts(lines[0]), rows, firmware.runtime_flash_bytes)


def _script(module: Path, inputs_path: Path, inputs: Array, reset_each: bool) -> str:
    reset = "m.reset(); " if reset_each else ""
    setup = script.setup(str(module), counter=0) + script.feed_file(str(inputs_path), inputs.shape[1])
    return f"{setup}\nfor i in range({len(inputs)}):\n    {reset}feed(i); go()\n"


def _lines(command: list[str], inferences: int, progress: Progress) -> Iterator[bytes]:
    """The output, line by line; DeviceError with the traceback when MicroPython ends with one."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            progress(max(len(lines) - 1, 0), inferences)
    if process.returncode != 0 or len(lines) != inferences + 1:
        raise DeviceError(
            f"MicroPython ended with {process.returncode}:\n" + b"".join(lines).decode(errors="replace").strip()
        )
    yield from lines
