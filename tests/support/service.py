"""`tinymlaas serve` as users start it, and what tests of the service share."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support import golden
from tinymlaas.sign import new_key, public_bytes

ROOT = Path(__file__).resolve().parents[2]
DIGITS = golden.digits().data
LABELS = "\n".join("0123456789")


def free_port() -> int:
    """A TCP port that nobody listens at just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(slots=True)
class Served:
    """A `tinymlaas serve` that runs: its URL, and the admin's token."""

    process: subprocess.Popen[str]
    url: str
    token: str
    log: Path
    command: list[str] = field(default_factory=list)

    def api(self, token: str | None = None) -> httpx.Client:
        """A client of the operator's API."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60, verify=False)


@contextlib.contextmanager
def served(folder: Path, *options: str, token: str = "", environment: dict[str, str] | None = None) -> Iterator[Served]:
    """Starts `tinymlaas serve --data folder`, and ends it by SIGTERM unless the test did."""
    command = [sys.executable, "-c", "from tinymlaas.cli import main; main()", "serve", "--data", str(folder)]
    command += ["--port", "0", "--json", *options]
    log = folder.parent / f"{folder.name}.log"
    with log.open("a") as err:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=err, text=True, env={**os.environ, **(environment or {})}
        )
    assert process.stdout
    line = process.stdout.readline()
    assert line, log.read_text()
    told = json.loads(line)
    try:
        yield Served(process, told["url"], told["admin_token"] or token, log, command)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def wait_until(condition: Any, seconds: float = 60.0) -> Any:
    """What the condition gives, as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)  # a client of the API may ask ten times a second
    raise TimeoutError(f"not within {seconds} s")


@dataclass(frozen=True, slots=True)
class Keys:
    """A release key for tests."""

    private: Any = field(default_factory=new_key)

    @property
    def public(self) -> str:
        """Hex."""
        return public_bytes(self.private).hex()
