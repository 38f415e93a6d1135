"""tinymlaas run"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..arrays import read_array
from ..run import Result, run_module
from .console import data, print_json, progress, write_file
from .module import module_of


def run(
    file: Annotated[
        Path, typer.Argument(metavar="MODULE", help="A module (.tml), or a .tflite which is compiled for the board.")
    ],
    on: Annotated[
        str, typer.Option(metavar="BOARD", help="host, unix, qemu-m3, qemu-m4, qemu-rv32, pico, or a serial port.")
    ],
    inputs: Annotated[
        Path, typer.Option("--input", metavar="IN.npy", help="Array (N, *input shape) in the model's dtype.")
    ],
    output: Annotated[Path | None, typer.Option(metavar="OUT.npy", help="Where the outputs go.")] = None,
    reset_each: Annotated[
        bool, typer.Option("--reset-each", help="Reset the model's state before each input.")
    ] = False,
    target: Annotated[
        str | None, typer.Option(help="Board or kernel target a .tflite is compiled for; default: the board's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Run a module on a board and collect its outputs and figures."""
    content = module_of(file, on, target)
    with progress(f"{file.name} on {on}") as update:
        result = run_module(content, file.name, on, read_array(inputs), reset_each=reset_each, progress=update)
    if output:
        _save(output, result)
    if as_json:
        print_json(result.as_json())
        return
    for key, value in result.as_json().items():
        data.print(f"{key:26} {value}", highlight=False, soft_wrap=True)


def _save(path: Path, result: Result) -> None:
    """The first output; further outputs go beside it as OUT.1.npy, OUT.2.npy."""
    for number, array in enumerate(result.outputs):
        buffer = io.BytesIO()
        np.save(buffer, array)
        write_file(path if number == 0 else path.with_suffix(f".{number}.npy"), buffer.getvalue())
