"""Builds the native module's core, without MicroPython, as a shared library for ctypes."""

from __future__ import annotations

import os
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.target import KERNEL_TARGETS
from tinymlaas.toolchain import paths, process, sources, stamps

READY = "TINYML_HOSTLIBS"  # environment: a folder whose libraries are taken as they are, such as those that count what is reached
FLAGS = ("-std=c99", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def core_sources(target: str) -> list[Path]:
    """All C files but the one that sees MicroPython, with exactly one target; reference kernels included."""
    native = paths.native_dir()
    chosen = native / "targets" / f"{'c' if target == 'any' else target}.c"
    if target not in KERNEL_TARGETS or not chosen.is_file():
        raise ToolchainError(f"kernel target '{target}': {paths.shown(chosen)} does not exist")
    return [*sorted(native.glob("tml_*.c")), *stamps.tree(native / "kernels", "*.c"), chosen]


def library_name(target: str, *, sanitize: bool = False) -> str:
    """File name of the core for a target."""
    return "libtinyml" + ("" if target == "x64" else f"-{target}") + ("-asan" if sanitize else "") + ".so"


def build_hostlib(target: str = "x64", *, sanitize: bool = False) -> Path:
    """build/hostlib/libtinyml.so (other targets: libtinyml-<target>.so; `sanitize`: …-asan.so), built when out of date.

    A sanitised library needs its runtime in the process first: LD_PRELOAD of `cc -print-file-name=libasan.so`, or a
    program linked with `build_program`.
    """
    name = library_name(target, sanitize=sanitize)
    if (ready := Path(os.environ.get(READY, "")) / name).is_file():
        return ready
    return _compile(name, core_sources(target), ("-shared", *(SANITIZERS if sanitize else ())))


def build_program(
    name: str, main: Path, target: str = "x64", *, sanitize: bool = True, defines: tuple[str, ...] = ()
) -> Path:
    """build/hostlib/<name>: the core linked with the C file `main`, under ASan and UBSan unless told otherwise."""
    options = tuple(f"-D{define}" for define in defines) + (SANITIZERS if sanitize else ())
    return _compile(name, [main, *core_sources(target)], options)


def build_verifier(*, sanitize: bool = False) -> Path:
    """build/hostlib/libtinyml_ed25519.so (`sanitize`: …-asan.so): what checks signatures, built when out of date."""
    folder = paths.native_dir() / "ed25519"
    name = "libtinyml_ed25519" + ("-asan" if sanitize else "")
    files = [folder / "ed25519.c", folder / "sha512.c"]
    options = ("-shared", f"-I{folder}", f"-I{sources.monocypher()}", *(SANITIZERS if sanitize else ()))
    return _compile(f"{name}.so", files, options)


def build_audio(*, sanitize: bool = False) -> Path:
    """build/hostlib/libtinyml_audio.so (`sanitize`: …-asan.so): the front-end of speech models, built when out of date."""
    return _build_part("audio", sanitize)


def build_image(*, sanitize: bool = False) -> Path:
    """build/hostlib/libtinyml_image.so (`sanitize`: …-asan.so): what puts frames into models, built when out of date."""
    return _build_part("image", sanitize)


def part_sources(part: str) -> list[Path]:
    """C files of native_module/<part>, but the one that sees MicroPython."""
    return [path for path in stamps.tree(paths.native_dir() / part, "*.c") if not path.name.startswith("mod_")]


def _build_part(part: str, sanitize: bool) -> Path:
    name = f"libtinyml_{part}" + ("-asan" if sanitize else "")
    return _compile(f"{name}.so", part_sources(part), ("-shared", *(SANITIZERS if sanitize else ())))


def _compile(name: str, files: list[Path], options: tuple[str, ...]) -> Path:
    output = paths.build_dir() / "hostlib" / name
    stamp = output.with_name(f"{name}.stamp")
    headers = stamps.tree(paths.native_dir(), "*.h")
    with stamps.lock(f"hostlib-{name}"):
        key = stamps.fingerprint([*files, *headers], FLAGS, options)
        if not stamps.is_current(stamp, key, [output]):
            output.parent.mkdir(parents=True, exist_ok=True)
            scratch = output.with_name(f"{name}.new")
            command = ["cc", *FLAGS, *options, f"-I{paths.native_dir()}", "-o", scratch, *files]
            process.run(
                [str(word) for word in command], what=f"host library {name}", log=f"hostlib-{name}", fresh_log=True
            )
            scratch.replace(output)  # a process that has the old file loaded keeps it
            stamps.write(stamp, key)
    return output
