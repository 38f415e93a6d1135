"""tinymlaas fit"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..device.install import probe
from ..device.romdeploy import largest_free
from ..device.romdevice import RomDevice, query_romfs
from ..device.transport import SerialDevice
from ..errors import BoardError
from ..report import thousands
from ..run.serial import is_serial_port
from ..service.capabilities import UNLIMITED, Capabilities, of_board, parse, profile_of, rfc7228_class
from ..service.compiler import Job, compile_here, facts_of
from ..service.fit import Facts, Verdict, file_bytes, verdict
from ..target import board_by_name, load_boards
from ..unpack import is_module
from .console import data, print_json, read_file, talk

_DOES_NOT_FIT = 3
_ASK = "import json\nfrom tinyml.capabilities import capabilities\nprint(json.dumps(capabilities()))"


@dataclass(frozen=True, slots=True)
class _Row:
    """One board and what it would do with the module made for it."""

    board: str
    capabilities: Capabilities
    facts: Facts
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        c, facts = self.capabilities, self.facts
        sizes = {key: facts[key] for key in ("target", "arena_bytes", "module_bytes")}
        has = {"heap_block": c.heap_block, "flash_free": max(c.romfs_free, c.flash_free)}
        return {"board": self.board, "class": rfc7228_class(c)} | sizes | has | self.verdict.as_json()


def fit(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A module (.tml), or a .tflite, compiled for each board.")
    ],
    on: Annotated[
        str | None,
        typer.Option(
            metavar="BOARD", help="A board of `tinymlaas boards`, or the port of one that is connected; default: all."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """Will it fit? Arena, flash, predicted time and a verdict for every board, before anything is sent."""
    content = read_file(file)
    made = _maker(content, file.stem)
    rows = [_row(name, capabilities, made) for name, capabilities in _boards(on)]
    if as_json:
        print_json([row.as_json() for row in rows])
    else:
        _print(rows)
    if on and not rows[0].verdict.fits:
        raise typer.Exit(_DOES_NOT_FIT)


def _maker(content: bytes, name: str) -> Callable[[str], Facts]:
    """Kernel target → facts of the module for it; of a finished module always the same."""
    if is_module(content):
        facts = facts_of(content)
        return lambda target: facts
    return functools.cache(lambda target: compile_here(content, Job(name, target)).facts)


def _boards(on: str | None) -> list[tuple[str, Capabilities]]:
    if on and is_serial_port(on):
        with SerialDevice(on) as device:
            return [(on, _connected(device))]
    boards = [board_by_name(on)] if on else [b for b in load_boards().values() if b.transport != "host"]
    return [(board.id, of_board(board)) for board in boards]


def _connected(device: SerialDevice) -> Capabilities:
    """What a board says of itself, and the room in its ROMFS, which `tinymlaas deploy` can use."""
    if not probe(device).has_package:
        raise BoardError("tinyml is not on this board, so it cannot say what it has; install it with: tinymlaas deploy")
    said = json.loads(device.exec(_ASK, timeout=60))
    partition = query_romfs(device)
    room = largest_free(RomDevice(device, partition)) if partition else 0
    return parse(said | {"romfs_free": room})


def _row(name: str, capabilities: Capabilities, made: Callable[[str], Facts]) -> _Row:
    facts = made(profile_of(capabilities).kernel_target)
    return _Row(name, capabilities, facts, verdict(capabilities, facts))


def _print(rows: list[_Row]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("board", "class", "arena B", "of block B", "flash B", "of B", "ms", "verdict"):
        table.add_column(
            name, justify="left" if name in ("board", "class", "verdict") else "right", no_wrap=name != "verdict"
        )
    for row in rows:
        table.add_row(*_cells(row))
    data.print(table)
    refused = [row for row in rows if not row.verdict.fits]
    if len(rows) == 1 and refused:
        data.print(f"{refused[0].verdict.reason}; {refused[0].verdict.remedy}", highlight=False, soft_wrap=True)
    elif refused:
        talk.print("what is short consists of what, and what to do: tinymlaas fit FILE --on BOARD", highlight=False)


def _cells(row: _Row) -> list[str]:
    c, facts, found = row.capabilities, row.facts, row.verdict
    needed = [thousands(facts["arena_bytes"]), thousands(c.heap_block), thousands(file_bytes(facts))]
    room = c.romfs_free if found.placement == "romfs" else c.flash_free
    time = f"{found.time_us / 1000:.1f}" if found.time_us else ""
    return [row.board, rfc7228_class(c), *needed, thousands(room) if room < UNLIMITED else "", time, _words(found)]


def _words(found: Verdict) -> str:
    if not found.fits:
        return f"no: {found.reason.partition(':')[0]}"
    return "fits, " + {"romfs": "weights in flash", "ram": "weights in RAM"}[found.placement]
