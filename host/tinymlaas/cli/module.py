"""What `run` and `profile` take: a module, or a model that is compiled for the board on the spot."""

from __future__ import annotations

from pathlib import Path

from ..compile import compile_model
from ..run.serial import is_serial_port
from ..target import board_by_name, kernel_target
from ..unpack import is_module
from .console import read_file


def module_of(file: Path, on: str, target: str | None) -> bytes:
    """The module's bytes; target: a board or kernel target to compile a .tflite for, None for the board's own."""
    content = read_file(file)
    if is_module(content):
        return content
    own = "any" if is_serial_port(on) else board_by_name(on).kernel_target
    return compile_model(content, file.stem, kernel_target(target) if target else own).module
