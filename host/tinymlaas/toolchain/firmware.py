"""Builds MicroPython firmware for a board folder: with the _tinyml module and the tinyml package, or stock."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.target import Board
from tinymlaas.toolchain import fetch, mpy_cross, paths, process, sizes, sources, stamps, uf2
from tinymlaas.toolchain.natmod import PARTS

# A change in one of these is not seen by the makefiles' own dependencies: it needs a fresh object folder.
CONFIGURATION = (".mk", ".cmake", ".ld", ".csv", ".h")


@dataclass(frozen=True, slots=True)
class Firmware:
    """A firmware that has been built. `image` is what a board (or emulator) is given to run."""

    board: Board
    stock: bool
    folder: Path
    image: Path
    elf: Path
    runtime_flash_bytes: int
    parts_flash_bytes: dict[str, int]  # of the modules beside _tinyml, by folder
    micropython: str


@dataclass(frozen=True, slots=True)
class _Job:
    board: Board
    stock: bool
    tree: sources.MicroPython
    objects: Path
    folder: Path  # where images go
    mpy_cross: Path

    @property
    def name(self) -> str:
        return self.objects.name

    def run(self, *command: str | Path, cwd: Path | None = None) -> None:
        environment = {**self.tree.environment, "MICROPY_MPYCROSS": str(self.mpy_cross)}
        process.run(command, what=f"firmware {self.name}", log=f"firmware-{self.name}", cwd=cwd, env=environment)


def output_folder(board: Board, stock: bool) -> Path:
    """build/firmware/<BOARD>, or build/firmware/<BOARD>-stock."""
    return paths.build_dir() / "firmware" / (f"{board.name}-stock" if stock else board.name)


def build_firmware(board: Board, *, stock: bool = False) -> Firmware:
    """Builds (or finds built) the firmware of `board`; `stock`: with neither `_tinyml` nor `tinyml` in it.

    Raises ToolchainError when the board has no firmware of ours, a compiler is missing, or the build fails.
    """
    if not board.has_firmware or board.port not in _PORTS:
        raise ToolchainError(f"{board.name}: no firmware is built for it here; see docs/ADDING_A_BOARD.md")
    tree = sources.micropython()
    folder = output_folder(board, stock)
    with stamps.lock(f"firmware-{folder.name}"):
        key = stamps.fingerprint(_inputs(board, stock), tree.root, tree.version, stock, sys.version)
        if not stamps.is_current(folder / "stamp", key, [folder / "build.json"]):
            _build(board, stock, tree, folder)
            stamps.write(folder / "stamp", key)
    return find_firmware(board, stock=stock)


def find_firmware(board: Board, *, stock: bool = False) -> Firmware:
    """The firmware built last, whether or not its inputs changed since; raises ToolchainError when there is none."""
    folder = output_folder(board, stock)
    try:
        info = json.loads((folder / "build.json").read_text())
    except FileNotFoundError:
        option = " STOCK=1" if stock else ""
        raise ToolchainError(
            f"no firmware of {board.name} yet; run: make firmware BOARD={board.name}{option}"
        ) from None
    image, elf = folder / info["image"], folder / info["elf"]
    sizes_of = info["runtime_flash_bytes"], info["parts_flash_bytes"]
    return Firmware(board, stock, folder, image, elf, *sizes_of, info["micropython"])


def _build(board: Board, stock: bool, tree: sources.MicroPython, folder: Path) -> None:
    objects = paths.build_dir() / "obj" / folder.name
    configured = stamps.fingerprint(_configuration(board, stock), tree.root, tree.version, stock, board.kernel_target)
    if not stamps.is_current(objects / "configured", configured, []):
        shutil.rmtree(objects, ignore_errors=True)
        stamps.write(objects / "configured", configured)
    # Made beside the old one and then swapped, so that a failed build leaves the old firmware, and boards that run it.
    scratch = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    job = _Job(board, stock, tree, objects, scratch, mpy_cross.mpy_cross(tree))
    process.say(f"building firmware {job.name} (log: build/logs/firmware-{job.name}.log)")
    image, elf = _PORTS[board.port](job)
    _write_info(job, image, elf)
    size = image.stat().st_size
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    process.say(f"built {paths.shown(folder / image.name)} ({size:,} bytes)")


def _write_info(job: _Job, image: Path, elf: Path) -> None:
    name = paths.native_dir().name
    ours = [path for path in job.objects.rglob("*.o") if name in path.relative_to(job.objects).parts[:-1]]
    parts = {part: [path for path in ours if path.parent.name == part] for part in PARTS.values()}
    info = {
        "board": job.board.name,
        "kernel_target": "" if job.stock else job.board.kernel_target,
        "micropython": job.tree.version_text,
        "image": image.name,
        "elf": elf.name,
        "image_bytes": image.stat().st_size,
        "runtime_flash_bytes": sizes.flash_bytes(path for path in ours if path.parent.name not in parts),
        "parts_flash_bytes": {part: sizes.flash_bytes(found) for part, found in parts.items()},
    }
    (job.folder / "build.json").write_text(json.dumps(info, indent=1) + "\n")


def _configuration(board: Board, stock: bool) -> list[Path]:
    files = stamps.tree(board.folder) + [path for layer in _shared_layers(board) for path in stamps.tree(layer)]
    native = [] if stock else stamps.tree(paths.native_dir(), "*.mk", "*.cmake")
    return [path for path in files if path.suffix in CONFIGURATION] + native


def _inputs(board: Board, stock: bool) -> list[Path]:
    files = [*stamps.tree(board.folder), Path(__file__)]
    files += [path for layer in _shared_layers(board) for path in stamps.tree(layer)]
    if not stock:
        files += stamps.tree(paths.native_dir(), "*.c", "*.h", "*.S", "*.mk", "*.cmake")
        files += [fetch.PINS_FILE, paths.DEVICE / "manifest.py", *stamps.tree(paths.DEVICE / "tinyml", "*.py")]
    return files


def _shared_layers(board: Board) -> list[Path]:
    """Folders beside the board's that describe no board themselves, such as boards/qemu_common."""
    siblings = sorted(path for path in board.folder.parent.iterdir() if path.is_dir())
    return [path for path in siblings if not (path / "board.toml").exists() and path.name.startswith(board.port)]


def _build_unix(job: _Job) -> tuple[Path, Path]:
    sources.require_submodules(job.tree, ("mbedtls",))
    program = job.folder / "micropython"
    _make(job, f"VARIANT_DIR={job.board.folder}", "PROG=micropython", "STRIP=")
    shutil.copy2(job.objects / "micropython", program)
    return program, program


def _build_qemu(job: _Job) -> tuple[Path, Path]:
    elf = job.folder / "firmware.elf"
    _make(job, f"BOARD={job.board.name}", f"BOARD_DIR={job.board.folder}")
    shutil.copy2(job.objects / "firmware.elf", elf)
    return elf, elf


def _make(job: _Job, *variables: str) -> None:
    common = [f"BUILD={job.objects}", f"PYTHON={sys.executable}", f"MPY_LIB_DIR={sources.library_stub()}"]
    if job.stock:
        common.append("TINYML_STOCK=1")
    else:
        # The port looks for modules one level below the folder it is given.
        native = paths.native_dir()
        common += [f"USER_C_MODULES={native.parent}", f"TINYML_TARGET={job.board.kernel_target}"]
        common += [f"MONOCYPHER_DIR={sources.monocypher()}", "TINYML_AUDIO=1", "TINYML_IMAGE=1"]
    port = job.tree.root / "ports" / job.board.port
    job.run("make", f"-j{process.jobs()}", "-C", port, *common, *variables)


def _build_rp2(job: _Job) -> tuple[Path, Path]:
    sources.require_submodules(job.tree, ("pico-sdk", "tinyusb", "mbedtls"))
    port = job.tree.root / "ports" / "rp2"
    job.run("cmake", "-S", port, "-B", job.objects, "-G", "Ninja", *_cmake_options(job))
    job.run("ninja", f"-j{process.jobs()}", "-C", job.objects)
    image = (job.objects / "firmware.bin").read_bytes()
    _check_flash(job.board, len(image))
    shutil.copy2(job.objects / "firmware.elf", job.folder / "firmware.elf")
    (job.folder / "firmware.uf2").write_bytes(uf2.from_bin(image))
    return job.folder / "firmware.uf2", job.folder / "firmware.elf"


def _cmake_options(job: _Job) -> list[str]:
    options = {
        "PICO_NO_PICOTOOL": "1",  # else the SDK clones picotool from the network; we make the UF2 ourselves
        "MICROPY_BOARD": job.board.name,
        "MICROPY_BOARD_DIR": str(job.board.folder),
        "MICROPY_LIB_DIR": str(sources.library_stub()),
        "Python3_EXECUTABLE": sys.executable,
        "TINYML_STOCK": "1" if job.stock else "0",
    }
    if not job.stock:
        options["USER_C_MODULES"] = str(paths.native_dir() / "micropython.cmake")
        options["TINYML_TARGET"] = job.board.kernel_target
        options["MONOCYPHER_DIR"] = str(sources.monocypher())
        options |= {"TINYML_AUDIO": "1", "TINYML_IMAGE": "1"}
    return [f"-D{name}={value}" for name, value in options.items()]


def _check_flash(board: Board, image_bytes: int) -> None:
    room = board.flash_bytes - board.filesystem_bytes - board.romfs_bytes
    if image_bytes > room:
        raise ToolchainError(
            f"{board.name}: firmware takes {image_bytes} bytes, {room} are left of {board.flash_bytes} beside the"
            f" filesystem ({board.filesystem_bytes}) and ROMFS ({board.romfs_bytes}); make one of these smaller"
        )


_PORTS: dict[str, Callable[[_Job], tuple[Path, Path]]] = {
    "unix": _build_unix,
    "qemu": _build_qemu,
    "rp2": _build_rp2,
}
