"""Builds _tinyml as a dynamic native module (.mpy) that stock firmware loads from its filesystem."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinymlaas import planfmt
from tinymlaas.errors import ToolchainError, UsageError
from tinymlaas.toolchain import paths, process, sizes, sources, stamps

# Architecture of the .mpy -> kernel target compiled into it.
ARCHES = {"x64": "x64", "armv6m": "m0plus", "armv7m": "m3", "armv7emsp": "m4", "rv32imc": "rv32"}
MODULE = "_tinyml.mpy"


@dataclass(frozen=True, slots=True)
class Natmod:
    """A native module that has been built; `runtime_flash_bytes` counts code and constants, the file adds relocations."""

    arch: str
    path: Path
    mpy_bytes: int
    runtime_flash_bytes: int


def build_natmod(arch: str, operators: Sequence[str] | None = None) -> Natmod:
    """build/natmod/<arch>/_tinyml.mpy; `operators` are the ones to include, default all of them.

    A selection goes to build/natmod/<arch>-<first letters of its hash>, beside the complete one. Raises UsageError for
    an unknown architecture or operator, ToolchainError when the build fails.
    """
    if arch not in ARCHES:
        raise UsageError(f"unknown architecture '{arch}'; known are: {', '.join(ARCHES)}")
    omitted = _omitted(operators)
    tree = sources.micropython()
    folder = paths.build_dir() / "natmod" / _folder_name(arch, omitted)
    with stamps.lock(f"natmod-{folder.name}"):
        key = stamps.fingerprint(_inputs(), tree.root, tree.version, arch, omitted)
        if not stamps.is_current(folder / "stamp", key, [folder / MODULE]):
            _build(arch, omitted, tree, folder)
            stamps.write(folder / "stamp", key)
    info = json.loads((folder / "build.json").read_text())
    return Natmod(arch, folder / MODULE, info["image_bytes"], info["runtime_flash_bytes"])


def all_operators() -> list[str]:
    """Operators that can be chosen, in the order of the module format."""
    return list(planfmt.OPERATORS)


def _omitted(operators: Sequence[str] | None) -> tuple[str, ...]:
    known = all_operators()
    if operators is None:
        return ()
    unknown = sorted(set(operators) - set(known))
    if unknown:
        raise UsageError(f"unknown operators: {', '.join(unknown)}; known are: {', '.join(known)}")
    return tuple(name for name in known if name not in operators)


def _folder_name(arch: str, omitted: tuple[str, ...]) -> str:
    return arch if not omitted else f"{arch}-{stamps.fingerprint([], omitted)[:8]}"


def _inputs() -> list[Path]:
    native = paths.native_dir()
    return [*stamps.tree(native, "*.c", "*.h", "*.S", "*.mk"), native / "Makefile", Path(__file__)]


def _build(arch: str, omitted: tuple[str, ...], tree: sources.MicroPython, folder: Path) -> None:
    objects = paths.build_dir() / "obj" / f"natmod-{folder.name}"
    shutil.rmtree(objects, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    command = ["make", f"-j{process.jobs()}", "-C", paths.native_dir(), f"ARCH={arch}", f"MPY_DIR={tree.root}"]
    command += [f"BUILD={objects}", f"PYTHON={sys.executable}", f"TINYML_OMIT={' '.join(omitted)}"]
    process.run([str(word) for word in command], what=f"natmod {arch}", log=f"natmod-{folder.name}", fresh_log=True)
    module = objects / MODULE
    if not module.is_file():
        raise ToolchainError(f"natmod {arch}: the build made no {MODULE}; log: build/logs/natmod-{folder.name}.log")
    shutil.copy2(module, folder / MODULE)
    _write_info(arch, omitted, tree, folder, objects)


def _write_info(arch: str, omitted: tuple[str, ...], tree: sources.MicroPython, folder: Path, objects: Path) -> None:
    info = {
        "arch": arch,
        "kernel_target": ARCHES[arch],
        "micropython": tree.version_text,
        "omitted_operators": omitted,
        "image_bytes": (folder / MODULE).stat().st_size,
        "runtime_flash_bytes": sizes.flash_bytes(objects.rglob("*.o")),
    }
    (folder / "build.json").write_text(json.dumps(info, indent=1) + "\n")
    process.say(f"built {paths.shown(folder / MODULE)} ({info['image_bytes']:,} bytes)")
