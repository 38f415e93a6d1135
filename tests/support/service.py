"""Real servers for tests of the service: PostgreSQL of the distribution, an S3 server from PyPI, and `tinymlaas serve`."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
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


def postgres_programs() -> Path | None:
    """Where Debian, or PATH, has initdb."""
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    found = places[-1] if places else shutil.which("initdb")
    return Path(found).parent if found else None


@contextlib.contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """A cluster in a temporary folder; yields the URL of its server, to which a database's name is added. It refuses to run as root."""
    user = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="tml-pg-") as folder:
        if user:
            shutil.chown(folder, "nobody")
        options = ["-U", "tinyml", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run([programs / "initdb", "-D", f"{folder}/d", *options], check=True, capture_output=True, **user)
        port = free_port()
        settings = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60"]
        command = [programs / "postgres", "-D", f"{folder}/d", "-p", str(port), "-k", folder, *settings]
        with open(f"{folder}/log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log, **user) as server:
            try:
                _wait_for(port)
                yield f"postgresql://tinyml@127.0.0.1:{port}"
            finally:
                server.send_signal(signal.SIGINT)  # a fast shutdown
                server.wait(30)


def new_database(server: str) -> str:
    """The URL of a new, empty database."""
    import psycopg

    name = f"t{time.monotonic_ns()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def _wait_for(port: int, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens at port {port} after {seconds} s")


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
        time.sleep(0.05)
    raise TimeoutError(f"not within {seconds} s")


@dataclass(frozen=True, slots=True)
class Keys:
    """A release key for tests."""

    private: Any = field(default_factory=new_key)

    @property
    def public(self) -> str:
        """Hex."""
        return public_bytes(self.private).hex()
