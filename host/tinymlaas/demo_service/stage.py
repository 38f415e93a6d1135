"""The actors of the demonstration as processes of their own, each started by the command that a user would type."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..device.pico import EmulatedPico
from ..errors import TinymlError
from ..service.client import Client
from ..target import board_by_name
from ..toolchain.firmware import build_firmware

TINYMLAAS = [sys.executable, "-c", "from tinymlaas.cli import main; main()"]
UNIX_HEAP_BYTES = 192 << 10  # as much as a Pico has: what is too large for one is too large for both
Found = TypeVar("Found")

# The device of the unix port: infers all the time, and updates itself over HTTP.
_APP = """
import vfs
vfs.umount("/")
vfs.mount(vfs.VfsPosix({folder!r}), "/")
import json, time
from tinyml.ota import Client
with open("/tinyml_ota.json") as f:
    known = json.load(f)
client = Client(known["server"], known["device"], known["token"], known["model"], health_s=2)

def work():
    if client.model:
        client.model.run()
        client.runs += 1
        if client.runs % 50 == 0:
            with open("/count.txt", "a") as f:
                f.write("50\\n")
    time.sleep_ms(2)

client.run(work)
"""


@dataclass(slots=True)
class Stage:
    """A folder with everything in it; processes end with the block of `stage()`."""

    folder: Path
    ending: contextlib.ExitStack
    url: str = ""
    token: str = ""
    _server: subprocess.Popen[str] | None = None

    @property
    def data(self) -> Path:
        """The server's own folder."""
        return self.folder / "data"

    def serve(self) -> None:
        """`tinymlaas serve`, on a free port."""
        options = ("--data", str(self.data), "--port", "0", "--poll-interval", "1", "--json")
        self._server = self._start("serve", *options)
        assert self._server.stdout
        line = self._server.stdout.readline()
        if not line:
            raise TinymlError(f"the server did not start; see {self.folder}/serve.log")
        told = json.loads(line)
        self.url, self.token = told["url"], told["admin_token"]

    def stop_server(self) -> None:
        """SIGTERM, as an operator ends it."""
        assert self._server
        _end(self._server)

    def client(self) -> Client:
        """Of the operator's API."""
        return self.ending.enter_context(Client(self.url, self.token))

    def run(self, *arguments: str) -> Any:
        """What a command prints with --json; TinymlError with its last words when it fails."""
        command = [*TINYMLAAS, *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment(), check=False)
        if done.returncode:
            words = done.stderr.strip().splitlines() or ["no word"]
            raise TinymlError(f"tinymlaas {arguments[0]}: {words[-1]}")
        return json.loads(done.stdout)

    def pico(self) -> str:
        """An emulated Pico; the path of its serial port."""
        firmware = build_firmware(board_by_name("pico"))
        pico = self.ending.enter_context(EmulatedPico(firmware.image))
        return self.ending.enter_context(pico.pty())

    def gateway(self, port: str) -> None:
        """`tinymlaas gateway`, which also looks after its board every 3 s."""
        self._start("gateway", "--port", port, "--cache", str(self.folder / "cache"), "--health", "3")

    def unix(self, folder: Path) -> None:
        """A device of MicroPython's unix port whose root is a folder."""
        app = folder / "app.py"
        app.write_text(_APP.format(folder=str(folder)))
        binary = build_firmware(board_by_name("unix")).image
        command = [str(binary), "-X", f"heapsize={UNIX_HEAP_BYTES}", str(app)]
        self._process("unix", command)

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return self._process(arguments[0], [*TINYMLAAS, *arguments])

    def _process(self, name: str, command: list[str]) -> subprocess.Popen[str]:
        log = self.ending.enter_context((self.folder / f"{name}.log").open("w"))
        pipe, environment = subprocess.PIPE, self._environment()
        process = subprocess.Popen(
            command, stdout=pipe if name == "serve" else log, stderr=log, text=True, env=environment
        )
        self.ending.callback(_end, process)
        return process

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TINYMLAAS_SERVER": self.url, "TINYMLAAS_TOKEN": self.token}


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """An empty stage."""
    with contextlib.ExitStack() as ending:
        yield Stage(folder, ending)


def wait_for(what: str, condition: Callable[[], Found | None], seconds: float) -> Found:
    """What the condition gives, as soon as it is true; TinymlError when it does not become so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.3)  # an operator may ask ten times a second
    raise TinymlError(f"{what}: not within {seconds:.0f} s")


def actions_of(client: Client, rollout: int) -> dict[str, dict[str, Any]]:
    """Each device's part in a rollout."""
    return {part["device_id"]: part for part in client.get(f"/rollouts/{rollout}/actions")["items"]}
