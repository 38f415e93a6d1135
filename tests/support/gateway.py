"""An emulated Pico at the end of a wire that can be pulled, and `tinymlaas gateway` as users start it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinymlaas.device.pico import EmulatedPico
from tinymlaas.device.transport import SerialDevice
from tinymlaas.errors import BoardError, DeviceError
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

TINYMLAAS = [sys.executable, "-c", "from tinymlaas.cli import main; main()"]


class WiredPico:
    """An emulated Pico whose serial port keeps its name, whatever happens to the Pico."""

    def __init__(self, folder: Path, *, stock: bool = False, name: str = "pico") -> None:
        self.pico = EmulatedPico(build_firmware(board_by_name("pico"), stock=stock).image)
        self.port = str(folder / name)
        self._wire = contextlib.ExitStack()
        self.plug()

    def plug(self) -> None:
        """Connects the wire."""
        path = Path(self._wire.enter_context(self.pico.pty()))
        new = Path(self.port + ".new")
        new.symlink_to(path)
        new.replace(self.port)

    def unplug(self) -> None:
        """Pulls the wire; the Pico stands still, as the emulator's clock then does."""
        Path(self.port).unlink(missing_ok=True)
        self._wire.close()

    def power_cut(self) -> None:
        """The power goes, and comes back: only what lies in flash is left."""
        self.pico.reset()
        self.unplug()
        self.plug()

    def run(self, code: str, timeout: float = 120.0) -> str:
        """What code prints that runs beside whatever is in the Pico's memory."""
        for _ in range(3):
            with contextlib.suppress(BoardError), SerialDevice(self.port, soft_reset=False) as device:
                return device.exec(code, timeout).decode().strip()
            time.sleep(1)
        raise TimeoutError(f"{self.port}: no answer")

    def value(self, expression: str) -> Any:
        """What an expression gives, by way of JSON."""
        return json.loads(self.run(f"import json\nprint(json.dumps({expression}))").splitlines()[-1])

    def close(self) -> None:
        """Ends the emulator."""
        with contextlib.suppress(BoardError, DeviceError, OSError):
            self.unplug()
        self.pico.close()


@contextlib.contextmanager
def wired_pico(folder: Path, **options: Any) -> Iterator[WiredPico]:
    """A Pico until the end of the block."""
    pico = WiredPico(folder, **options)
    try:
        yield pico
    finally:
        pico.close()


class GatewayProcess:
    """`tinymlaas gateway --json`, and what it says."""

    def __init__(self, *ports: str, folder: Path, options: tuple[str, ...] = (), token: str = "") -> None:
        command = [*TINYMLAAS, "gateway", *(part for port in ports for part in ("--port", port))]
        command += ["--cache", str(folder / "cache"), "--json", *options]
        environment = {**os.environ, "TINYMLAAS_GATEWAY_TOKEN": token}
        self._log = (folder / "gateway.log").open("a")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment)
        self.events: list[dict[str, Any]] = []
        self._new: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._new.put(json.loads(line))
        self._new.put(None)

    def wait_for(self, *kinds: str, seconds: float = 120.0) -> dict[str, Any]:
        """The next event of one of these kinds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                event = self._new.get(timeout=left)
                if event is None:
                    raise AssertionError(f"the gateway ended; it said {self.events}")
                self.events.append(event)
                if event["kind"] in kinds:
                    return event
        raise TimeoutError(f"no {kinds} within {seconds} s; the gateway said {self.events}")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 60.0) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        code = self.process.wait(seconds)
        self._log.close()
        return code


@contextlib.contextmanager
def gateway(*ports: str, folder: Path, options: tuple[str, ...] = (), token: str = "") -> Iterator[GatewayProcess]:
    """A gateway until the end of the block."""
    process = GatewayProcess(*ports, folder=folder, options=options, token=token)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.end()
