"""tinymlaas profile"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..profiling import Row, facts, figure_text, plot, rows
from ..report import shape_text, thousands
from ..run import Profile, profile_module
from ..unpack import Module, unpack
from .console import data, print_json, talk
from .module import module_of

_BAR = 24


def profile(
    file: Annotated[
        Path, typer.Argument(metavar="MODULE", help="A module (.tml), or a .tflite which is compiled for the board.")
    ],
    on: Annotated[
        str, typer.Option(metavar="BOARD", help="host, unix, qemu-m3, qemu-m4, qemu-rv32, pico, or a serial port.")
    ],
    picture: Annotated[
        Path | None,
        typer.Option("--plot", metavar="OUT.png", help="Where the picture goes; default MODULE.profile.png."),
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw no picture.")] = False,
    target: Annotated[
        str | None, typer.Option(help="Board or kernel target a .tflite is compiled for; default: the board's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Measure each layer on a board, beside the prediction."""
    content = module_of(file, on, target)
    module = unpack(content, file.name)
    with talk.status(f"{file.name} on {on}"):
        found = profile_module(content, file.name, on)
    path = None if no_plot else picture or file.with_suffix(".profile.png")
    if path:
        plot(module, found, path)
        talk.print(f"picture: {path}", highlight=False, soft_wrap=True)
    if as_json:
        print_json(facts(module, found) | {"picture": str(path) if path else None})
    else:
        _print(module, found)


def _print(module: Module, found: Profile) -> None:
    name = module.metadata.get("name", "")
    data.print(f"[bold]{name}[/]  for target {module.target}, on {found.board} ({found.target})", highlight=False)
    *layers, total = rows(module, found)
    data.print(_table(layers, total, found.unit))
    sums = [figure_text(x, found.unit) for x in (found.total, found.whole)]
    per_mac = f", {total.measured / total.macs:.2f} per MAC" if total.macs and found.unit != "microseconds" else ""
    off = f" (reading the counter is taken off: {found.reading:.0f} per layer)" if found.reading else ""
    text = f"sum of layers {sums[0]}{off}, whole run {sums[1]} {found.unit}{per_mac}"
    data.print(text, highlight=False, soft_wrap=True)
    data.print(f"unit: {found.unit}; {found.how}", highlight=False, soft_wrap=True)


def _table(layers: list[Row], total: Row, unit: str) -> Table:
    table = Table(box=None, pad_edge=False)
    left = ("operator", "kernel", "shape", " ")
    beside = ["predicted", "ratio"] if total.predicted is not None else []
    for name in ("#", "operator", "kernel", "shape", "MACs", unit, *beside, "share", " "):
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    longest = max(row.share for row in layers) or 1.0
    for row in (*layers, total):
        bar = "" if row.layer is None else "█" * round(_BAR * row.share / longest)
        guess = [] if row.predicted is None else [figure_text(row.predicted, unit), f"{row.ratio or 0:.2f}"]
        measured = figure_text(row.measured, unit)
        table.add_row(*_head(row), thousands(row.macs), measured, *guess, f"{100 * row.share:.1f} %", bar)
    return table


def _head(row: Row) -> tuple[str, str, str, str]:
    if row.layer is None:
        return "", "sum", "", ""
    x = row.layer
    return str(x.index), x.operator, x.kernel, f"{shape_text(x.in_shape)} → {shape_text(x.out_shape)}"
