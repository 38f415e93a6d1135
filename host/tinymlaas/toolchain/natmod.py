"""Builds _tinyml, and the modules that not everybody needs, as dynamic native modules (.mpy) that stock firmware loads."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinymlaas import planfmt
from tinymlaas.errors import ToolchainError, UsageError
from tinymlaas.toolchain import fetch, paths, process, sizes, sources, stamps

# Architecture of the .mpy -> kernel target compiled into it.
ARCHES = {"x64": "x64", "armv6m": "m0plus", "armv7m": "m3", "armv7emsp": "m4", "rv32imc": "rv32"}
MODULE, VERIFIER = "_tinyml", "_tinyml_ed25519"
# Modules besides _tinyml, each in a folder of native_module/: they check signatures, make features of speech, take camera frames.
PARTS = {VERIFIER: "ed25519", "_tinyml_audio": "audio", "_tinyml_image": "image"}


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
    _check_arch(arch)
    omitted = _omitted(operators)
    return _built(arch, MODULE, _folder_name(arch, omitted), omitted)


def build_verifier(arch: str) -> Natmod:
    """build/natmod/<arch>-ed25519/_tinyml_ed25519.mpy, which checks signatures. Raises UsageError, ToolchainError."""
    return build_part(arch, VERIFIER)


def build_part(arch: str, module: str) -> Natmod:
    """build/natmod/<arch>-<folder>/<module>.mpy, one of PARTS. Raises UsageError, ToolchainError."""
    _check_arch(arch)
    return _built(arch, module, f"{arch}-{PARTS[module]}", ())


def _check_arch(arch: str) -> None:
    if arch not in ARCHES:
        raise UsageError(f"unknown architecture '{arch}'; known are: {', '.join(ARCHES)}")


def _built(arch: str, module: str, name: str, omitted: tuple[str, ...]) -> Natmod:
    tree = sources.micropython()
    variables = [f"ARCH={arch}", f"MPY_DIR={tree.root}", f"MOD={module}", f"TINYML_OMIT={' '.join(omitted)}"]
    if module == VERIFIER:
        variables.append(f"MONOCYPHER_DIR={sources.monocypher()}")
    folder = paths.build_dir() / "natmod" / name
    path = folder / f"{module}.mpy"
    with stamps.lock(f"natmod-{name}"):
        key = stamps.fingerprint(_inputs(module), tree.version, variables)
        if not stamps.is_current(folder / "stamp", key, [path]):
            objects = _build(path, variables)
            _write_info(arch, omitted, tree, path, objects)
            stamps.write(folder / "stamp", key)
    info = json.loads((folder / "build.json").read_text())
    return Natmod(arch, path, info["image_bytes"], info["runtime_flash_bytes"])


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


def _inputs(module: str) -> list[Path]:
    native = paths.native_dir()
    if module in PARTS:
        files = [*stamps.tree(native / PARTS[module]), fetch.PINS_FILE, native / "natmod_libc.c", native / "sources.mk"]
    else:
        found = stamps.tree(native, "*.c", "*.h", "*.S", "*.mk")
        files = [path for path in found if path.relative_to(native).parts[0] not in PARTS.values()]
    return [*files, native / "Makefile", Path(__file__)]


def _build(path: Path, variables: list[str]) -> Path:
    """Puts the module there; returns the folder of its objects."""
    name = path.parent.name
    objects = paths.build_dir() / "obj" / f"natmod-{name}"
    shutil.rmtree(objects, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["make", f"-j{process.jobs()}", "-C", str(paths.native_dir()), *variables]
    command += [f"BUILD={objects}", f"PYTHON={sys.executable}"]
    process.run(command, what=f"natmod {name}", log=f"natmod-{name}", fresh_log=True)
    made = objects / path.name
    if not made.is_file():
        raise ToolchainError(f"natmod {name}: the build made no {path.name}; log: build/logs/natmod-{name}.log")
    shutil.copy2(made, path)
    return objects


def _write_info(arch: str, omitted: tuple[str, ...], tree: sources.MicroPython, path: Path, objects: Path) -> None:
    info = {
        "arch": arch,
        "kernel_target": ARCHES[arch],
        "micropython": tree.version_text,
        "omitted_operators": omitted,
        "image_bytes": path.stat().st_size,
        "runtime_flash_bytes": sizes.flash_bytes(objects.rglob("*.o")),
    }
    (path.parent / "build.json").write_text(json.dumps(info, indent=1) + "\n")
    process.say(f"built {paths.shown(path)} ({info['image_bytes']:,} bytes)")
