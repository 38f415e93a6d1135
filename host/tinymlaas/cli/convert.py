"""tinymlaas convert"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..compile import compile_model
from ..report import summary
from ..target import kernel_target
from ..unpack import unpack
from .console import data, print_json, read_file, write_file


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN.tflite", help="Fully quantised (int8) model.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Module file; default: IN.tml.")] = None,
    target: Annotated[
        str, typer.Option(help="A board (see `boards`) or a kernel target; `any` runs everywhere.")
    ] = "any",
    labels: Annotated[Path | None, typer.Option(help="Text file, one class name per line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Compile a .tflite model into an inference module (.tml)."""
    output = output or source.with_suffix(".tml")
    metadata = {"labels": _labels(labels)} if labels else {}
    compiled = compile_model(read_file(source), source.stem, kernel_target(target), metadata)
    write_file(output, compiled.module)
    facts = summary(unpack(compiled.module, output.name))
    if as_json:
        print_json({"module": str(output), **facts})
        return
    data.print(
        f"{output}  {facts['module_bytes']:,} B  target {facts['target']}  arena {facts['arena_bytes']:,} B  "
        f"{facts['macs']:,} MACs in {len(facts['layers'])} layers".replace(",", " "),
        highlight=False,
        soft_wrap=True,
    )


def _labels(path: Path) -> list[str]:
    return [line.strip() for line in read_file(path).decode("utf-8", "replace").splitlines() if line.strip()]
