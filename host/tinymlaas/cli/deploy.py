"""tinymlaas deploy"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from ..device.ampy import deploy_with_ampy
from ..device.deploy import deploy as deploy_module
from ..device.install import install
from ..device.transport import SerialDevice
from ..errors import ModuleError, UsageError
from ..run.serial import is_serial_port
from ..unpack import Module, unpack
from .console import data, print_json, progress, read_file, talk


def deploy(
    module: Annotated[Path, typer.Argument(metavar="OUT.tml", help="Inference module.")],
    on: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board, such as /dev/ttyACM0.")],
    tool: Annotated[str, typer.Option("--with", help="mpremote, or ampy for boards where that suits.")] = "mpremote",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Put a module on a board: in ROMFS, where it runs in place, else on the filesystem."""
    if tool not in ("mpremote", "ampy"):
        raise UsageError(f"--with {tool}: choose mpremote or ampy")
    if not is_serial_port(on):
        raise UsageError(f"--on {on}: name the serial port the board is on, such as /dev/ttyACM0")
    content = read_file(module)
    decoded = unpack(content, module.name)
    facts = _deploy_ampy(on, module, content, dry_run) if tool == "ampy" else _deploy(on, module, decoded, dry_run)
    if as_json:
        print_json({"module": str(module), "board": on, "bytes": len(content), **facts})
        return
    where = "runs in place" if facts["in_place"] else "is read into RAM"
    verb = "would go to" if dry_run else "→"
    text = f"{module.name}  {len(content):,} B {verb} {facts['path']}  ({where}: {facts['reason']})".replace(",", " ")
    data.print(text, highlight=False, soft_wrap=True)
