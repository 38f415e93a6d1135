"""Emulated boards with files on them, and what code answers that runs there."""

from __future__ import annotations

import ast
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinymlaas.device.pico import EmulatedPico
from tinymlaas.device.transport import Device, SerialDevice
from tinymlaas.device.unix import UnixBoard
from tinymlaas.errors import BoardError, DeviceError
from tinymlaas.romfs import build
from tinymlaas.target import Board, board_by_name
from tinymlaas.toolchain.firmware import build_firmware


@dataclass(frozen=True, slots=True)
class Bench:
    """A device that runs, and the folder on it (with a slash at its end) that holds the files it was given."""

    board: Board
    device: Device
    folder: str

    def run(self, code: str, timeout: float = 300.0) -> bytes:
        """Run code; DeviceError with the traceback when it raises."""
        return self.device.exec(code, timeout)

    def answer(self, code: str, timeout: float = 300.0) -> Any:
        """The Python literal that the code prints last."""
        return ast.literal_eval(self.run(code, timeout).decode().strip().splitlines()[-1])

    def value(self, expression: str, timeout: float = 300.0) -> Any:
        """What an expression evaluates to: a Python literal."""
        return self.answer(f"print(repr(({expression})))", timeout)

    def soft_reset(self) -> None:
        """Python started anew, files kept; not on unix."""
        if isinstance(self.device, EmulatedPico):
            with self.device.pty() as port:
                _open_serial(port).close()
            self._wait_for_console()
        else:
            self.device.soft_reset()  # type: ignore[attr-defined]

    def _wait_for_console(self) -> None:
        """The emulator hears a moment later that the serial port was closed."""
        for _ in range(50):
            with contextlib.suppress(DeviceError):
                self.run("pass")
                return
            time.sleep(0.1)

    def error(self, code: str, timeout: float = 300.0) -> str:
        """The last line of the traceback of code that raises: "ValueError: …"."""
        try:
            printed = self.run(code, timeout)
        except DeviceError as error:
            return str(error).splitlines()[-1]
        raise AssertionError(f"nothing was raised; printed {printed!r}")


def _open_serial(port: str) -> SerialDevice:
    """Opening resets softly; a loaded machine may emulate too slowly for mpremote's patience."""
    for _ in range(2):
        with contextlib.suppress(BoardError):
            return SerialDevice(port)
    return SerialDevice(port)


@contextlib.contextmanager
def bench(
    board_id: str,
    files: Mapping[str, bytes],
    *,
    stock: bool = False,
    heap_bytes: int = 4 << 20,
    rom: bytes | None = None,
) -> Iterator[Bench]:
    """A running board that has `files`: in ROMFS, or on unix in a folder. `stock`: firmware without tinyml.

    heap_bytes counts on unix only. rom: a ROMFS image of the caller's own instead of one that holds `files`.
    """
    board = board_by_name(board_id)
    image = build_firmware(board, stock=stock).image
    if board.transport == "unix":
        with tempfile.TemporaryDirectory() as folder:
            for name, data in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            with UnixBoard(image, Path(folder), heap_bytes) as device:
                yield Bench(board, device, folder + "/")
        return
    rom = build(files) if rom is None else rom
    with _emulated(board, image, rom) as device:
        yield Bench(board, device, "/rom/")


def _emulated(board: Board, image: Path, rom: bytes) -> Any:
    if board.transport == "emulator":
        return EmulatedPico(image, romfs=rom)
    from tinymlaas.device.qemu import QemuBoard

    return QemuBoard(board, image, romfs=rom)
