"""tinymlaas deploy"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..device.ampy import AmpyDevice
from ..device.deploy import deploy as put
from ..device.install import VERIFIER, has_keys, install, kernel_target_of, probe
from ..device.transport import Device, SerialDevice
from ..errors import DeviceError, ModuleError, UsageError
from ..run.serial import is_serial_port
from ..target import accepts
from ..unpack import Module, unpack
from .console import data, print_json, progress, read_file, talk

_SELFTEST = """
import time, json, tinyml
m = tinyml.Model({path!r})
t = time.ticks_us()
ok = m.selftest()
t = time.ticks_diff(time.ticks_us(), t) // max(m.n_selftests, 1)
print(json.dumps({{"selftest_passed": ok, "selftests": m.n_selftests, "us_per_inference": t, "ram": m.ram}}))
del m
"""


def deploy(
    module: Annotated[Path, typer.Argument(metavar="OUT.tml", help="Inference module.")],
    on: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board, such as /dev/ttyACM0.")],
    tool: Annotated[str, typer.Option("--with", help="mpremote; or ampy for boards where that suits.")] = "mpremote",
    romfs: Annotated[bool, typer.Option(help="Use the board's ROMFS partition when it has one.")] = True,
    overwrite: Annotated[
        bool, typer.Option(help="Reuse the room of the old module; an interruption then loses it.")
    ] = False,
    audio: Annotated[bool, typer.Option("--audio", help="Also install what tinyml.audio needs.")] = False,
    image: Annotated[bool, typer.Option("--image", help="Also install what tinyml.image needs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Put a module on a board: in ROMFS, where it runs in place, else on the filesystem; then run its self-test."""
    content = read_file(module)
    decoded = unpack(content, module.name)
    with _connect(on, tool) as device:
        wanted = {VERIFIER: _is_checked(device, decoded), "_tinyml_audio": audio, "_tinyml_image": image}
        parts = [part for part, is_wanted in wanted.items() if is_wanted]
        if dry_run:
            facts = _dry_run(device, parts)
        else:
            _install(device, parts)
            _check_target(device, decoded, module.name)
            with progress(f"{module.name} → {on}") as update:
                result = put(device, module.name, content, update, use_romfs=romfs, overwrite=overwrite)
            facts = {**dataclasses.asdict(result), **_selftest(device, result.path)}
    if as_json:
        print_json({"module": str(module), "board": on, "bytes": len(content), **facts})
    else:
        _print(module.name, len(content), facts)


def _connect(on: str, tool: str) -> SerialDevice | AmpyDevice:
    if not is_serial_port(on):
        raise UsageError(f"--on {on}: name the serial port the board is on, such as /dev/ttyACM0")
    if tool not in ("mpremote", "ampy"):
        raise UsageError(f"--with {tool}: choose mpremote or ampy")
    return SerialDevice(on) if tool == "mpremote" else AmpyDevice(on)


def _is_checked(device: Device, module: Module) -> bool:
    """Whether the board needs what checks signatures."""
    return bool(module.header["signature_offset"]) or has_keys(device)


def _dry_run(device: Device, parts: list[str]) -> dict[str, Any]:
    runtime = probe(device, parts)
    has = {"_tinyml": runtime.has_native, "tinyml": runtime.has_package}
    return {"dry_run": True, "would_install": [*(name for name in has if not has[name]), *runtime.lacks]}


def _install(device: Device, parts: list[str]) -> None:
    with progress("installing tinyml") as update:
        written = install(device, update, parts=parts)
    for path in written:
        talk.print(f"installed {path}", highlight=False)


def _check_target(device: Device, module: Module, name: str) -> None:
    target = kernel_target_of(device)
    if not accepts(target, module.target):
        raise ModuleError(
            f"{name}: made for kernel target {module.target}, the board runs {target}; "
            f"convert the model with --target {target} (or any)"
        )


def _selftest(device: Device, path: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(device.exec(_SELFTEST.format(path=path), timeout=600))
    if not facts["selftest_passed"]:
        raise DeviceError(f"{path}: the self-test on the board failed: outputs differ from the compiler's")
    return facts


def _print(name: str, size: int, facts: dict[str, Any]) -> None:
    if "dry_run" in facts:
        missing = ", ".join(facts["would_install"]) or "nothing"
        data.print(f"would install {missing}, then write {name}, {size} B", highlight=False, soft_wrap=True)
        return
    lines = [
        f"{name}  {size} B → {facts['path']}  ({facts['reason']})",
        f"self-test on the board: {facts['selftests']} of {facts['selftests']} vectors byte-exact, "
        f"{facts['us_per_inference'] / 1000:.1f} ms each, RAM {facts['ram']} B",
    ]
    for line in lines:
        data.print(line, highlight=False, soft_wrap=True)
