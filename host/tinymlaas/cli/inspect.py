"""tinymlaas inspect"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..compile import compile_model
from ..report import plot_memory, summary, thousands
from ..target import kernel_target
from ..unpack import is_module, unpack
from .console import data, print_json, read_file, talk


def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A module (.tml), or a .tflite which is compiled first.")
    ],
    plot: Annotated[Path | None, typer.Option(help="Draw the memory map into this file (.png, .svg, .pdf).")] = None,
    target: Annotated[str, typer.Option(help="Board or kernel target a .tflite is compiled for.")] = "any",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Show operators, shapes, MACs, arena and flash of a model."""
    content = read_file(file)
    if not is_module(content):
        content = compile_model(content, file.stem, kernel_target(target)).module
    module = unpack(content, file.name)
    if plot:
        plot_memory(module, plot)
        talk.print(f"memory map: {plot}", highlight=False, soft_wrap=True)
    facts = summary(module)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _print(facts: dict[str, Any]) -> None:
    data.print(f"[bold]{facts['name']}[/]  for target {facts['target']}", highlight=False)
    for kind in ("inputs", "outputs"):
        for t in facts[kind]:
            shape = "x".join(map(str, t["shape"]))
            text = f"  {kind[:-1]:6} {shape} {t['dtype']}  scale {t['scale']:.6g}  zero point {t['zero_point']}"
            data.print(text, highlight=False)
    data.print(_table(facts))
    keys = ("macs", "arena_bytes", "liveness_bound_bytes", "scratch_bytes", "module_bytes")
    macs, arena, live, scratch, flash = (thousands(facts[key]) for key in keys)
    data.print(
        f"MACs {macs}   arena {arena} B (live values {live} B, scratch {scratch} B)   flash {flash} B",
        highlight=False,
        soft_wrap=True,
    )


def _table(facts: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("#", "operator", "input", "output", "MACs", "constants B", "scratch B"):
        table.add_column(name, justify="left" if name in ("operator", "input", "output") else "right")
    for row in facts["layers"]:
        shapes = ["x".join(map(str, row[key])) for key in ("in_shape", "out_shape")]
        numbers = [thousands(row[key]) for key in ("macs", "constant_bytes", "scratch_bytes")]
        table.add_row(str(row["index"]), row["operator"], *shapes, *numbers)
    return table
