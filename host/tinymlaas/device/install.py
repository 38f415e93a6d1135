"""Install the runtime on a board whose firmware does not have it: the `tinyml` package and the native modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinymlaas.device.transport import Device, Progress, no_progress
from tinymlaas.errors import BoardError

REPOSITORY = Path(__file__).resolve().parents[3]
PACKAGE_DIR = REPOSITORY / "device" / "tinyml"
NATMOD_DIR = REPOSITORY / "build" / "natmod"
KEYS_PATH = "/tinyml_keys.json"  # on a board, as in device/tinyml/source.py
MPY_VERSION, MPY_SUB_VERSION = 6, 3

VERIFIER = "_tinyml_ed25519"
# Native modules that not every board needs, and the module of the package that loads each; older packages lack some of those.
PARTS = {VERIFIER: "tinyml.trust", "_tinyml_audio": "tinyml.audio", "_tinyml_image": "tinyml.image"}

# py/persistentcode.h: numbers of native architectures, and what each loads besides its own.
ARCHES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc",
)  # fmt: skip
ARM_ASCENDING = ("armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")

_PROBE = """
import sys
def _has(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False
print((getattr(sys.implementation, '_mpy', 0), _has('_tinyml'), all([_has(p) for p in {packages!r}]),
    [p for p in {parts!r} if not _has(p)]))
"""
_MAKE_DIRS = """
import os
for _p in {folders!r}:
    try:
        os.mkdir(_p)
    except OSError:
        pass
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a board has: loadable architectures (best first), native module, Python package; and which PARTS it lacks."""

    arches: tuple[str, ...]
    has_native: bool
    has_package: bool
    lacks: tuple[str, ...] = ()  # of the parts asked for


def arches_of(mpy: int) -> tuple[str, ...]:
    """Architectures of native .mpy files that `sys.implementation._mpy` promises to load, best first.

    Raises BoardError when there are none, or when the firmware is of another .mpy version.
    """
    version, sub, number = mpy & 0xFF, mpy >> 8 & 3, mpy >> 10 & 0x1F
    name = ARCHES[number] if number < len(ARCHES) else ""
    if not name:
        raise BoardError(
            f"this firmware loads no native modules (_mpy = {mpy:#x}): flash a firmware that contains _tinyml"
        )
    if (version, sub) != (MPY_VERSION, MPY_SUB_VERSION):
        raise BoardError(
            f"this firmware loads .mpy version {version}.{sub}, the native module is {MPY_VERSION}.{MPY_SUB_VERSION}: "
            "update the board to MicroPython 1.24 or later"
        )
    if name not in ARM_ASCENDING:
        return (name,)
    return ARM_ASCENDING[: ARM_ASCENDING.index(name) + 1][::-1]


def probe(device: Device, parts: Sequence[str] = (), packages: Sequence[str] = ()) -> Runtime:
    """Ask a board what it has; BoardError when it has no native module and can load none. parts: those of PARTS it needs, too.

    packages: modules of the Python package that must be in it.
    """
    # Loading a part takes memory: only those asked for.
    code = _PROBE.format(packages=["tinyml", *packages, *(PARTS[part] for part in parts)], parts=list(parts))
    mpy, has_native, has_package, lacks = ast.literal_eval(device.exec(code).decode())
    complete = has_native and not lacks
    return Runtime(() if complete else arches_of(mpy), has_native, has_package, tuple(lacks))


def kernel_target_of(device: Device) -> str:
    """The kernel target of the runtime on a board that has one."""
    return device.exec("import _tinyml\nprint(_tinyml.target())").decode().strip()


def has_keys(device: Device) -> bool:
    """Whether release keys are on a board."""
    answer = device.exec(f"try:\n open({KEYS_PATH!r}).close()\n print(1)\nexcept OSError:\n print(0)")
    return answer.strip() == b"1"


def native_module(arches: tuple[str, ...], name: str = "_tinyml") -> Path:
    """The prebuilt native module of that name for the first of `arches` that was built."""
    for arch in arches:
        path = NATMOD_DIR / f"{arch}{name.removeprefix('_tinyml').replace('_', '-')}" / f"{name}.mpy"
        if path.is_file():
            return path
    raise BoardError(f"no native module is built for {arches[0]}: run `make natmod ARCH={arches[0]}`")


def install(
    device: Device, progress: Progress = no_progress, *, parts: Sequence[str] = (), packages: Sequence[str] = ()
) -> list[str]:
    """Copy to /lib what the board lacks; returns the paths written, [] when it has all. parts, packages: as for probe()."""
    runtime = probe(device, parts, packages)
    files = dict(_missing(runtime))
    if not files:
        return []
    folders = sorted({str(Path(path).parent) for path in files})
    device.exec(_MAKE_DIRS.format(folders=folders))
    total, done = sum(len(data) for data in files.values()), 0
    for path, data in files.items():
        device.write_file(path, data)
        done += len(data)
        progress(done, total)
    return sorted(files)


def _missing(runtime: Runtime) -> Iterator[tuple[str, bytes]]:
    if not runtime.has_native:
        yield "/lib/_tinyml.mpy", native_module(runtime.arches).read_bytes()
    for part in runtime.lacks:
        yield f"/lib/{part}.mpy", native_module(runtime.arches, part).read_bytes()
    if not runtime.has_package:
        for source in sorted(PACKAGE_DIR.glob("*.py")):
            yield f"/lib/tinyml/{source.name}", source.read_bytes()
