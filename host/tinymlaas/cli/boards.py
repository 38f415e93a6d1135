"""tinymlaas boards"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer
from rich.table import Table

from ..target import Board, load_boards
from .console import data, print_json


def boards(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False) -> None:
    """List the boards that are known, and how each is reached."""
    known = list(load_boards().values())
    if as_json:
        print_json([_row(b) for b in known])
        return
    table = Table(box=None, pad_edge=False)
    for name in ("board", "MCU", "target", "mpy arch", "RAM KB", "flash KB", "MHz", "reached by"):
        table.add_column(name, justify="right" if name[-2:] in ("KB", "Hz") else "left", no_wrap=True)
    for b in known:
        sizes = [str(x // 1024) if x else "" for x in (b.ram_bytes, b.flash_bytes)]
        clock = str(b.clock_hz // 1_000_000) if b.clock_hz else ""
        table.add_row(b.id, b.mcu, b.kernel_target, b.mpy_arch, *sizes, clock, b.transport)
    data.print(table)


def _row(board: Board) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(board).items() if k not in ("folder", "extra")}
