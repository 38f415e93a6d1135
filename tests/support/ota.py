"""A server with versions of the digits model, and devices of MicroPython's unix port that keep theirs up to date from it."""

from __future__ import annotations

import contextlib
import json
import queue
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.link import Link, link
from tests.support.service import DIGITS, LABELS, Served, served, wait_until
from tinymlaas import sign
from tinymlaas.service.capabilities import current_profile
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

PROGRAM = Path(__file__).parents[1] / "device" / "micropython" / "ota_app.py"
PROFILE = str(current_profile("x64"))
PATIENCE_S = 120.0


@dataclass(slots=True)
class Unix:
    """A MicroPython process that runs ota_app.py; what it printed, in order."""

    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)
    _lines: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, condition: Callable[[dict[str, Any]], Any], seconds: float = PATIENCE_S) -> dict[str, Any]:
        """The first state from now on that meets a condition."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=0.5)
                assert line is not None, f"the device ended: {self.process.wait()}, last: {self.said[-1:]}"
                self.said.append(json.loads(line))
                if condition(self.said[-1]):
                    return self.said[-1]
        raise TimeoutError(f"not within {seconds} s; last: {self.said[-1:]}")

    def infers(self, more: int = 20) -> None:
        """Waits until there were so many more inferences."""
        before = self.said[-1]["inferences"] if self.said else 0
        self.until(lambda now: now["inferences"] >= before + more)

    def kill(self) -> None:
        """As by kill -9."""
        self.process.kill()
        self.process.wait()


@dataclass(slots=True)
class Enrolled:
    """A device that the server knows, with a link of its own to it and a folder that outlives its processes."""

    id: str
    token: str
    link: Link
    folder: Path
    keys: dict[str, Any] | None

    @contextlib.contextmanager
    def runs(self, heap_bytes: int = 2 << 20, **settings: Any) -> Iterator[Unix]:
        """Switched on."""
        said = {"server": self.link.url, "device": self.id, "token": self.token, "folder": str(self.folder)}
        said |= {"keys": self.keys, **settings}
        binary = build_firmware(board_by_name("unix")).image
        path = self.folder.with_suffix(".json")  # MicroPython's arguments have at most 255 characters
        path.write_text(json.dumps(said))
        command = [binary, "-X", f"heapsize={heap_bytes}", PROGRAM, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Unix(process)
            finally:
                process.kill()


@dataclass(slots=True)
class Fleet:
    """The server, and what tests do to it."""

    server: Served
    api: httpx.Client
    folder: Path
    count: int = 0

    @property
    def release(self) -> sign.Ed25519PrivateKey:
        """The release key that `serve` made."""
        return sign.load_key(self.folder / "data" / "keys" / "release.key")

    @contextlib.contextmanager
    def device(self, *, keys: bool = True) -> Iterator[Enrolled]:
        """A new device, with the release key unless told otherwise."""
        self.count += 1
        name = f"d{self.count}"
        made = self.api.post("/devices", json={"id": name}).raise_for_status().json()
        trusted = json.loads(sign.device_keys([sign.public_bytes(self.release)], 1)) if keys else None
        with link(int(self.server.url.rsplit(":", 1)[1])) as between:
            yield Enrolled(name, made["token"], between, self.folder / name, trusted)

    def version(self) -> int:
        """The next version of digits, compiled and signed for the unix port."""
        known = self.api.get("/models/digits")
        if known.status_code == 404:
            form = {"name": "digits", "labels": LABELS}
            said = self.api.post("/models", data=form, files={"file": ("m.tflite", DIGITS)})
        else:
            said = self.api.post("/models/digits/versions/1/again")
        number = int(said.raise_for_status().json()["version"])
        wait_until(lambda: self._builds(number, "ready"), PATIENCE_S)
        return number

    def _builds(self, number: int, state: str) -> list[tuple[int, str]]:
        query = (
            "SELECT build.id, signed_sha256 FROM build JOIN version ON version.id = version_id"
            " WHERE number = ? AND profile = ? AND state = ?"
        )
        with contextlib.closing(self._database()) as database:
            return database.execute(query, (number, PROFILE, state)).fetchall()

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "data" / "service.db", timeout=30)

    def signed_path(self, number: int) -> Path:
        """The file of a version's signed module."""
        return self.folder / "data" / "store" / "signed" / self._builds(number, "ready")[0][1]

    def substitute(self, number: int, module: bytes, sha256: str) -> None:
        """As whoever has taken over the server could: other bytes under a version's number, before it is assigned."""
        (self.folder / "data" / "store" / "signed" / sha256).write_bytes(module)
        with contextlib.closing(self._database()) as database, database:
            values = (sha256, len(module), self._builds(number, "ready")[0][0])
            database.execute("UPDATE build SET signed_sha256 = ?, signed_bytes = ? WHERE id = ?", values)

    def assign(self, device: Enrolled, number: int) -> None:
        """Offers a version to a device."""
        said = self.api.post(f"/devices/{device.id}/assign", json={"model": "digits", "version": number})
        said.raise_for_status()

    def action(self, device: Enrolled, number: int) -> dict[str, Any]:
        """The device's action that brings a version; {} while there is none."""
        found = self.api.get(f"/devices/{device.id}").raise_for_status().json()["actions"]
        return next((action for action in found if action["version"] == number), {})

    def ends(self, device: Enrolled, number: int) -> dict[str, Any]:
        """That action, once it has ended."""

        def ended() -> Any:
            found = self.action(device, number)
            return found if found and not found["open"] else None

        return dict(wait_until(ended, PATIENCE_S))


@contextlib.contextmanager
def fleet(folder: Path, *options: str) -> Iterator[Fleet]:
    """`tinymlaas serve` with keys of its own, asked every second."""
    with served(folder / "data", "--poll-interval", "1", *options) as server, server.api() as api:
        yield Fleet(server, api, folder)
