"""MicroPython on a machine that QEMU emulates. The boards' side of it is described in boards/qemu_common/README.md."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tinymlaas.device.ptybridge import bridge
from tinymlaas.device.transport import DeviceBase, check_output
from tinymlaas.errors import BoardError, DeviceError
from tinymlaas.target import Board

BOOT_TIMEOUT_S = 60.0
CHUNK_BYTES = 1 << 16
HEARD_BYTES = 1500  # shown when a board fails
COUNTER_MODULUS = 1 << 32
CTRL_A, CTRL_B, CTRL_C, CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"
PROMPT = b">>> "
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
# The fault handlers of MicroPython's qemu port print this, then the registers; the Arm one then loops for ever.
FAULT = re.compile(rb"exception caught:", re.IGNORECASE)
FAULT_BYTES = 18
REGISTERS_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class QemuMachine:
    """The table [qemu] of a board.toml. Addresses are the device's own."""

    binary: str
    machine: str
    args: list[str]
    icount_shift: int  # an instruction takes 2**icount_shift ns of virtual time
    counter_address: int  # free-running 32-bit counter
    instructions_per_tick: float  # of that counter; below one half, so that rounding is exact
    romfs_address: int
    blob_address: int  # RAM that firmware leaves alone, for inputs loaded before boot
    blob_bytes: int

    @classmethod
    def of(cls, board: Board) -> QemuMachine:
        """The machine of a board; BoardError when its board.toml describes none."""
        table: Mapping[str, Any] | None = board.extra.get("qemu")
        if board.transport != "qemu" or table is None:
            raise BoardError(f"{board.name} is not a QEMU board: its board.toml has no [qemu] table")
        return cls(**table)

    def instructions(self, start: int, end: int) -> int:
        """Instructions executed between two reads of the counter, the load that read `end` included.

        Exact; up to 2**32 ticks apart, which is 1.3 to 1.7 thousand million instructions.
        """
        return round((end - start) % COUNTER_MODULUS * self.instructions_per_tick)


class QemuBoard(DeviceBase):
    """A board in a QEMU process. Use as a context manager."""

    def __init__(
        self,
        board: Board,
        firmware: Path,
        romfs: bytes | None = None,
        blobs: Mapping[int, bytes] | None = None,
    ) -> None:
        """Boot `firmware` (ELF) and enter the raw REPL.

        romfs: image for the ROMFS partition, mounted at /rom.
        blobs: address -> bytes, inside the machine's blob region; the device reads them with uctypes.bytearray_at().
        Raises BoardError when QEMU is absent or the firmware does not boot.
        """
        self.board, self.machine = board, QemuMachine.of(board)
        self._received = bytearray()
        self._stack = contextlib.ExitStack()
        try:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tinyml-qemu-")))
            images = _images(board, self.machine, romfs, blobs or {})
            self._process = self._start(firmware, images)
            self._console = self._connect()
            self._read_until(PROMPT, BOOT_TIMEOUT_S)
            self._enter_raw_repl()
        except BaseException:
            self.close()
            raise

    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """See Device.exec; a board that has not ended after `timeout` seconds of wall-clock time is switched off."""
        end = time.monotonic() + timeout
        self._send(code.encode() + CTRL_D, timeout)
        self._read_until(b"OK", timeout)
        output = self._read_until(CTRL_D, end - time.monotonic())
        error = self._read_until(CTRL_D, end - time.monotonic())
        self._read_until(b">", end - time.monotonic())
        return check_output(output, error)

    def soft_reset(self) -> None:
        """Start Python anew: an empty heap, boot.py run again, files and ROMFS kept."""
        self._send(CTRL_D, BOOT_TIMEOUT_S)
        self._read_until(b"soft reboot", BOOT_TIMEOUT_S)
        self._read_until(RAW_PROMPT, BOOT_TIMEOUT_S)

    @contextlib.contextmanager
    def pty(self) -> Iterator[str]:
        """The path of a PTY with the board's serial console, for `mpremote connect`. Meanwhile exec() must wait."""
        self._send(CTRL_B, BOOT_TIMEOUT_S)
        self._read_until(PROMPT, BOOT_TIMEOUT_S)
        self._console.close()
        try:
            with bridge(str(self._socket)) as terminal:
                yield terminal
        finally:
            self._console = self._connect()
            self._send(CTRL_C + CTRL_C, BOOT_TIMEOUT_S)
            self._enter_raw_repl()

    def close(self) -> None:
        """Switch the board off."""
        self._stack.close()

    @property
    def _socket(self) -> Path:
        return self._folder / "console"

    def _start(self, firmware: Path, images: Mapping[int, bytes]) -> subprocess.Popen[bytes]:
        if not firmware.is_file():
            raise BoardError(f"{firmware}: no firmware: build it with `make firmware BOARD={self.board.name}`")
        command = [*_qemu(self.machine.binary), *self._arguments(), "-kernel", str(firmware)]
        for address, data in images.items():
            path = self._folder / f"{address:08x}.bin"
            path.write_bytes(data)
            command += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def _arguments(self) -> list[str]:
        serial = f"socket,id=console,path={self._socket},server=on,wait=on"
        options = ["-display", "none", "-monitor", "none", "-nic", "none", "-semihosting"]
        options += ["-chardev", serial, "-serial", "chardev:console", "-icount", f"shift={self.machine.icount_shift}"]
        return ["-machine", self.machine.machine, *self.machine.args, *options]

    def _connect(self) -> socket.socket:
        """Join the console's socket, which exists a moment after QEMU's start."""
        connection = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        end = time.monotonic() + BOOT_TIMEOUT_S
        while True:
            try:
                connection.connect(str(self._socket))
                return connection
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self._fail("it does not start")
                time.sleep(0.005)

    def _enter_raw_repl(self) -> None:
        self._send(CTRL_A, BOOT_TIMEOUT_S)
        self._read_until(RAW_PROMPT, BOOT_TIMEOUT_S)

    def _send(self, data: bytes, timeout: float) -> None:
        self._console.settimeout(timeout)
        try:
            self._console.sendall(data)
        except OSError as error:
            self._fail(f"it does not take input: {error}")

    def _read_until(self, end: bytes, timeout: float) -> bytes:
        """What the board sends before `end`; later bytes are kept for the next call."""
        deadline, searched = time.monotonic() + timeout, 0
        while (position := self._received.find(end, searched)) < 0:
            searched = max(0, len(self._received) - len(end) + 1)
            self._receive(deadline)
        data = bytes(self._received[:position])
        del self._received[: position + len(end)]
        return data

    def _receive(self, deadline: float) -> None:
        """Add what the board sends next to `_received`; raises when it stops at a fault, ends, or is too late."""
        known = max(0, len(self._received) - FAULT_BYTES)
        data = self._receive_some(deadline)
        if data is None:
            self._fail("no end of the program in the time given; it was switched off")
        if FAULT.search(self._received, known):
            end = time.monotonic() + REGISTERS_TIMEOUT_S
            while self._receive_some(end):
                pass
            self._fail("the processor stopped at a fault")
        if not data:
            self._fail("it ended")

    def _receive_some(self, deadline: float) -> bytes | None:
        """The bytes received and added: empty when the board is gone, None past the deadline."""
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return None
        self._console.settimeout(remaining)
        try:
            data = self._console.recv(CHUNK_BYTES)
        except TimeoutError:
            return None
        except OSError:
            return b""
        self._received += data
        return data

    def _fail(self, what: str) -> NoReturn:
        """Switch off and raise, with the end of what was heard: of the board, or of a QEMU that did not run."""
        ran = bool(self._received) or self._process.poll() is None
        heard = bytes(self._received) if ran else (self._folder / "log").read_bytes()
        self.close()
        message = f"{self.board.id}: {what}\n{heard[-HEARD_BYTES:].decode(errors='replace').strip()}".strip()
        raise DeviceError(message) if ran else BoardError(message)


def _qemu(binary: str) -> list[str]:
    """The command that runs QEMU, and ends it should this process die."""
    path, guard = shutil.which(binary), shutil.which("setpriv")
    if path is None:
        raise BoardError(f"{binary} is not installed: run `make deps`")
    return [guard, "--pdeathsig", "KILL", path] if guard else [path]


def _images(board: Board, machine: QemuMachine, romfs: bytes | None, blobs: Mapping[int, bytes]) -> dict[int, bytes]:
    """Address -> bytes of all that is loaded before boot; BoardError for what does not fit."""
    if romfs is not None and len(romfs) > board.romfs_bytes:
        raise BoardError(
            f"{board.id}: a ROMFS image of {len(romfs)} bytes does not fit the partition of {board.romfs_bytes} bytes"
        )
    first, last = machine.blob_address, machine.blob_address + machine.blob_bytes
    for address, data in blobs.items():
        if not first <= address <= address + len(data) <= last:
            raise BoardError(
                f"{board.id}: {len(data)} bytes at {address:#x} lie outside the blob region {first:#x} to {last:#x}"
            )
    return {**blobs, **({machine.romfs_address: romfs} if romfs else {})}
