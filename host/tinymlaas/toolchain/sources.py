"""The MicroPython tree that everything is built from: the pinned one, unpacked, or a checkout of the user's own."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import fetch, paths, process, stamps

MINIMUM_VERSION = (1, 24, 0)  # older ones let the garbage collector free a natmod's data
LINKED = ("mbedtls", "pico-sdk", "tinyusb")  # submodules that the tarball leaves empty
STAMP = ".tinyml-pin"


@dataclass(frozen=True, slots=True)
class MicroPython:
    """A MicroPython source tree."""

    root: Path
    version: tuple[int, int, int]
    pinned: bool

    @property
    def version_text(self) -> str:
        """For example ``1.25.0``."""
        return ".".join(map(str, self.version))

    @property
    def environment(self) -> dict[str, str]:
        """Environment for builds: the pinned tree must not take its version from the repository around it."""
        return {"MICROPY_GIT_TAG": f"v{self.version_text}", "SOURCE_DATE_EPOCH": "1744675200"} if self.pinned else {}


def micropython() -> MicroPython:
    """The tree to build from: ``MICROPYTHON_DIR`` when set, else the pinned sources, fetched and unpacked as needed.

    Raises ToolchainError when the user's checkout is not MicroPython or too old, or when a download is not the pinned one.
    """
    own = os.environ.get("MICROPYTHON_DIR")
    if own:
        return _own_checkout(Path(own).expanduser().resolve())
    pins = fetch.load_pins()
    with stamps.lock("sources"):
        for pin in pins.pins:
            _unpack(pin, pins)
        root = paths.cache_dir() / "micropython"
        for name in LINKED:
            _link(root / "lib" / name, Path("../..") / name)
    return MicroPython(root, read_version(root), pinned=True)


def monocypher() -> Path:
    """The folder of monocypher.c, pinned, fetched and unpacked as needed. Raises ToolchainError."""
    pins = fetch.load_pins()
    pin = pins.named("pymonocypher")
    with stamps.lock("sources"):
        _unpack(pin, fetch.Pins(pins.suite, (pin,)))
    return paths.cache_dir() / pin.folder


def read_version(root: Path) -> tuple[int, int, int]:
    """Version of the tree at `root`, from py/mpconfig.h; raises ToolchainError when that is not MicroPython."""
    header = root / "py" / "mpconfig.h"
    if not header.is_file():
        raise ToolchainError(f"{root} is not a MicroPython tree: {header} does not exist; set MICROPYTHON_DIR to one")
    numbers = dict(re.findall(r"#define MICROPY_VERSION_(MAJOR|MINOR|MICRO) (\d+)", header.read_text()))
    try:
        return int(numbers["MAJOR"]), int(numbers["MINOR"]), int(numbers["MICRO"])
    except KeyError as error:
        raise ToolchainError(f"{header} does not define MICROPY_VERSION_{error.args[0]}") from error


def library_stub() -> Path:
    """A folder that stands for micropython-lib: our manifests require nothing of it, the ports insist that it exists."""
    folder = paths.cache_dir() / "no-micropython-lib"
    folder.mkdir(parents=True, exist_ok=True)
    readme = folder / "README.md"
    if not readme.exists():
        readme.write_text("Stands for micropython-lib, of which nothing is used.\n")
    return folder


def _own_checkout(root: Path) -> MicroPython:
    version = read_version(root)
    if version < MINIMUM_VERSION:
        found, least = (".".join(map(str, numbers)) for numbers in (version, MINIMUM_VERSION))
        raise ToolchainError(
            f"MICROPYTHON_DIR={root} is MicroPython {found}, at least {least} is needed;"
            " check out a newer tag there, or unset MICROPYTHON_DIR to use the pinned sources"
        )
    return MicroPython(root, version, pinned=False)


def require_submodules(tree: MicroPython, names: tuple[str, ...]) -> None:
    """Raises ToolchainError when the tree lacks the library folders `names` (a checkout without its submodules)."""
    empty = [f"lib/{name}" for name in names if not any((tree.root / "lib" / name).glob("*"))]
    if empty:
        raise ToolchainError(
            f"{tree.root}: {', '.join(empty)} missing; run: git -C {tree.root} submodule update --init {' '.join(empty)}"
        )


def _unpack(pin: fetch.Pin, pins: fetch.Pins) -> None:
    folder = paths.cache_dir() / pin.folder
    if stamps.is_current(folder / STAMP, pin.sha256, []):
        return
    archive = fetch.fetch(pins)[pin.package]
    process.say(f"unpacking {pin.package} {pin.version}")
    # Unpacked beside its place and then renamed, so that an interrupted run leaves nothing half done.
    with tempfile.TemporaryDirectory(dir=paths.cache_dir()) as scratch:
        _extract(archive, Path(scratch))
        source = Path(scratch) / pin.root
        if not source.is_dir():
            raise ToolchainError(f"{pin.file} has no folder {pin.root}; update {fetch.PINS_FILE.name}")
        stamps.write(source / STAMP, pin.sha256)
        if folder.exists():
            shutil.rmtree(folder)
        source.rename(folder)


def _extract(archive: Path, target: Path) -> None:
    if archive.suffix == ".deb":
        process.run(["dpkg-deb", "-x", archive, target], what=f"unpacking {archive.name}", log="fetch")
        return
    with tarfile.open(archive) as tar:
        # Debian 12's Python 3.11.2 has no extraction filters; the archive's hash is pinned either way.
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)
        tar.extractall(target)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        return
    if link.is_dir():
        link.rmdir()
    link.symlink_to(target)
