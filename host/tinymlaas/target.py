"""Boards and kernel targets: what a module can be made for, read from boards/<BOARD>/board.toml."""

from __future__ import annotations

import difflib
import functools
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tinymlaas.errors import BoardError
from tinymlaas.planfmt import TARGETS

# Kernel target -> number in the module file. A module for `any` uses the plain layouts and runs everywhere.
KERNEL_TARGETS: Mapping[str, int] = TARGETS
MPY_ARCHES = (
    "",
    "x86",
    "x64",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
)
TRANSPORTS = ("host", "unix", "qemu", "emulator", "serial")
BOARDS_DIR = Path(__file__).resolve().parents[2] / "boards"


@dataclass(frozen=True, slots=True)
class Board:
    """One board as its board.toml describes it. Sizes in bytes, clock in hertz; 0 where a figure has no meaning."""

    name: str  # the folder's name, MicroPython's own board name where there is one
    id: str  # what a person types
    title: str
    mcu: str
    cpu: str
    mpy_arch: str  # architecture of native .mpy files that its stock firmware loads; "" where it loads none
    kernel_target: str
    dsp: bool  # the Armv7E-M / Armv8-M DSP extension
    clock_hz: int
    ram_bytes: int
    heap_bytes: int  # free for Python after boot
    flash_bytes: int
    romfs_bytes: int  # ROMFS partition of the firmware the board usually runs
    transport: str  # how the host talks to it, one of TRANSPORTS
    port: str  # MicroPython port
    filesystem_bytes: int = 0  # of flash, for the writable filesystem
    cycles_per_instruction: float = (
        0.0  # estimate for kernels whose cost is counted in instructions; 0: no basis for one
    )
    source: str = ""  # where the figures come from
    folder: Path = Path()
    extra: Mapping[str, Any] = field(default_factory=dict)  # the board's own tables, such as [qemu]

    @property
    def has_firmware(self) -> bool:
        """True when the folder holds what a firmware build of ours needs."""
        names = ("mpconfigboard.cmake", "mpconfigboard.mk", "mpconfigvariant.mk")
        return any((self.folder / name).is_file() for name in names)


def accepts(board_target: str, module_target: str) -> bool:
    """True when a runtime built for `board_target` runs modules made for `module_target`."""
    return module_target in ("any", board_target)


def load_board(folder: Path) -> Board:
    """The board described by `folder`/board.toml; raises BoardError naming the file and the key that is wrong."""
    path = folder / "board.toml"
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BoardError(f"{path}: cannot be read: {error}") from error
    extra = {key: value for key, value in table.items() if isinstance(value, dict)}
    plain = {key: value for key, value in table.items() if key not in extra}
    _check_keys(path, plain)
    board = Board(**plain, folder=folder, extra=extra)
    _check_values(path, board)
    return board


def load_boards(folder: Path | None = None) -> dict[str, Board]:
    """All boards by name, sorted; `folder` defaults to the repository's boards/, or ``TINYML_BOARDS``."""
    return _load_boards(folder or Path(os.environ.get("TINYML_BOARDS") or BOARDS_DIR))


@functools.cache
def _load_boards(folder: Path) -> dict[str, Board]:
    return {path.parent.name: load_board(path.parent) for path in sorted(folder.glob("*/board.toml"))}


def board_by_name(text: str) -> Board:
    """The board whose folder name or id is `text`, in any case; raises BoardError that lists the near ones."""
    boards = load_boards()
    wanted = text.lower().replace("_", "-")
    by_key = {key.lower().replace("_", "-"): board for board in boards.values() for key in (board.name, board.id)}
    if wanted in by_key:
        return by_key[wanted]
    near = dict.fromkeys(by_key[key].id for key in difflib.get_close_matches(wanted, by_key, n=6, cutoff=0.5))
    known = ", ".join(near or sorted(board.id for board in boards.values()))
    raise BoardError(f"unknown board '{text}'; {'did you mean' if near else 'known are'}: {known}")


def kernel_target(text: str) -> str:
    """The kernel target meant by a kernel target's own name or by a board's; raises BoardError for neither."""
    return text if text in KERNEL_TARGETS else board_by_name(text).kernel_target


def _check_keys(path: Path, table: Mapping[str, Any]) -> None:
    known = {item.name: item for item in fields(Board) if item.name not in ("folder", "extra")}
    unknown = sorted(set(table) - set(known))
    missing = [name for name in list(known)[: list(known).index("filesystem_bytes")] if name not in table]
    if unknown or missing:
        raise BoardError(
            f"{path}: unknown keys: {', '.join(unknown) or 'none'}; missing: {', '.join(missing) or 'none'}"
        )
    for name, value in table.items():
        if type(value).__name__ != known[name].type:
            raise BoardError(f"{path}: {name} = {value!r} is not of type {known[name].type}")


def _check_values(path: Path, board: Board) -> None:
    choices = {"kernel_target": tuple(KERNEL_TARGETS), "mpy_arch": MPY_ARCHES, "transport": TRANSPORTS}
    for name, allowed in choices.items():
        if getattr(board, name) not in allowed:
            raise BoardError(f"{path}: {name} = '{getattr(board, name)}' is not one of: {', '.join(allowed)}")
    if board.name != path.parent.name:
        raise BoardError(f"{path}: name = '{board.name}' differs from its folder '{path.parent.name}'")
    negative = [item.name for item in fields(board) if item.type == "int" and getattr(board, item.name) < 0]
    if negative:
        raise BoardError(f"{path}: {', '.join(negative)} must not be negative")
