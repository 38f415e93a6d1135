"""The emulated Raspberry Pi Pico: real RP2040 firmware on host/emulator, in a Node process of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinymlaas.device.bootrom import bootrom_path
from tinymlaas.device.ptybridge import bridge
from tinymlaas.device.romdevice import query_romfs, remount
from tinymlaas.device.transport import DeviceBase, check_output
from tinymlaas.errors import BoardError, DeviceError

EMULATOR_DIR = Path(__file__).resolve().parents[2] / "emulator"
XIP_BASE = 0x10000000
FLASH_BYTES = 2 * 1024 * 1024
ADDRESSABLE_BYTES = 16 * 1024 * 1024
CYCLE_COUNTER_ADDRESS = 0x40068000  # see host/emulator/cyclecounter.mjs
BOOT_TIMEOUT_S = 60.0
ANSWER_SLACK_S = 20.0  # beyond a request's own timeout, before Node is given up


class EmulatedPico(DeviceBase):
    """A Pico in a Node process. Use as a context manager."""

    def __init__(
        self,
        firmware: Path,
        romfs: bytes | None = None,
        blobs: Mapping[int, bytes] | None = None,
        *,
        flash: Path | None = None,
        plain: bool = False,
    ) -> None:
        """Boot `firmware` (UF2).

        romfs: image for the firmware's ROMFS partition, mounted at /rom.
        blobs: flash offset -> bytes; offsets from 2 MiB on are free, and the device reads them at 0x10000000 + offset.
        flash: image of a board's flash, as save_flash() wrote it, loaded before the firmware.
        plain: run on rp2040js's own interpreter; slow.
        """
        self.cycles = 0  # taken by the last exec
        self._next_id = 0
        self._node = _start_node(plain)
        try:
            self._boot(firmware, romfs, {**({0: flash.read_bytes()} if flash else {}), **(blobs or {})})
        except BaseException:
            self.close()
            raise

    def _boot(self, firmware: Path, romfs: bytes | None, blobs: Mapping[int, bytes]) -> None:
        for offset, data in blobs.items():
            self.load_flash(offset, data)
        self._request("firmware", data=_encode(_read_firmware(firmware)))
        self._request("start")
        if romfs is not None:
            self._inject_romfs(romfs)

    def _inject_romfs(self, image: bytes) -> None:
        """Put `image` where the firmware says its partition is, and mount it as a boot would."""
        partition = query_romfs(self, BOOT_TIMEOUT_S)
        if partition is None:
            raise BoardError("this firmware has no ROMFS partition: build it with MICROPY_HW_ROMFS_BYTES")
        if len(image) > partition.size:
            raise BoardError(
                f"a ROMFS image of {len(image)} bytes does not fit the partition of {partition.size} bytes"
            )
        self.load_flash(partition.address - XIP_BASE, image)
        remount(self)

    def load_flash(self, offset: int, data: bytes) -> None:
        """Write bytes into the emulated flash from outside."""
        if offset + len(data) > ADDRESSABLE_BYTES:
            raise BoardError(
                f"{len(data)} bytes at flash offset {offset:#x} exceed the {ADDRESSABLE_BYTES} addressable"
            )
        self._request("load", offset=offset, data=_encode(data))

    def read_flash(self, offset: int, length: int) -> bytes:
        """Read the emulated flash from outside."""
        return base64.b64decode(self._request("read", offset=offset, length=length)["data"])

    def save_flash(self, path: Path) -> None:
        """Write the board's 2 MiB of flash to a file."""
        self._request("save", path=str(path))

    def microphone(self, sck: int, ws: int, sd: int, samples: bytes) -> None:
        """Attach an I2S microphone that plays int16 samples; it is gone with the next reset."""
        self._request("microphone", sck=sck, ws=ws, sd=sd, data=_encode(samples))

    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """See Device.exec; `timeout` in seconds of wall-clock time. Leaves the emulated cycles it took in `cycles`."""
        reply = self._request("exec", timeout, code=_encode(code.encode()), timeout=timeout)
        self.cycles = reply["cycles"]
        return check_output(base64.b64decode(reply["output"]), base64.b64decode(reply["error"]))

    def status(self) -> dict[str, Any]:
        """The emulator's figures: cycles, nanos (emulated), flash erase and program counts, cpuSeconds."""
        reply = self._request("status")
        return {key: value for key, value in reply.items() if key not in ("id", "ok")}

    @contextlib.contextmanager
    def pty(self) -> Iterator[str]:
        """The path of a PTY with the board's serial console, for `mpremote connect`. Meanwhile exec() must wait."""
        with tempfile.TemporaryDirectory(prefix="tinyml-pico-") as folder:
            path = str(Path(folder) / "console")
            self._request("listen", path=path)
            try:
                with bridge(path) as terminal:
                    yield terminal
            finally:
                self._request("hangup")

    def soft_reset(self) -> None:
        """Start Python anew, as Ctrl-D does; files stay."""
        self._request("softReset", timeout=BOOT_TIMEOUT_S)

    def reset(self) -> None:
        """Press the reset button: the firmware boots anew from flash."""
        self._request("reset")

    def close(self) -> None:
        """End the emulator."""
        node = self._node
        for pipe in (node.stdin, node.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            node.wait(timeout=2)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()

    def _request(self, op: str, within: float = BOOT_TIMEOUT_S, /, **arguments: Any) -> dict[str, Any]:
        self._next_id += 1
        line = json.dumps({"id": self._next_id, "op": op, **arguments}) + "\n"
        try:
            assert self._node.stdin is not None
            self._node.stdin.write(line.encode())
            self._node.stdin.flush()
            reply: dict[str, Any] = json.loads(self._read_line(within + ANSWER_SLACK_S))
        except (OSError, ValueError) as error:
            raise BoardError(f"the emulator ended while asked to {op}: {error}") from error
        if not reply["ok"]:
            raise DeviceError(f"emulated Pico: {reply['error']}")
        return reply

    def _read_line(self, within: float) -> bytes:
        """One line from Node; the pipe is unbuffered, so that select() sees all there is."""
        assert self._node.stdout is not None
        descriptor, end = self._node.stdout.fileno(), time.monotonic() + within
        parts: list[bytes] = []
        while not (parts and parts[-1].endswith(b"\n")):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise BoardError(f"the emulator did not answer within {within:.0f} s")
            part = os.read(descriptor, 1 << 20)
            if not part:
                raise OSError(f"exit status {self._node.wait()}")
            parts.append(part)
        return b"".join(parts)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _read_firmware(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BoardError(
            f"{path}: no firmware ({error.strerror}): build it with `make firmware BOARD=RPI_PICO`"
        ) from error


def _start_node(plain: bool) -> subprocess.Popen[bytes]:
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None or not (EMULATOR_DIR / "node_modules" / "rp2040js").is_dir():
        raise BoardError("the emulated Pico needs Node.js >= 18 and the packages of host/emulator: run `make deps`")
    command = [
        node,
        str(EMULATOR_DIR / "server.mjs"),
        "--bootrom",
        str(bootrom_path()),
        *(["--plain"] if plain else []),
    ]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
