"""A PostgreSQL server of Debian's packages, for as long as a test runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

_USER = "postgres"  # the server refuses to run as root


def binaries() -> Path | None:
    """Where initdb and postgres lie; None when they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def server() -> Iterator[str]:
    """Its URL without a database; the server and its files are gone afterwards."""
    folder, port, bin_folder = Path(tempfile.mkdtemp(prefix="pg-")), _free_port(), binaries()
    assert bin_folder is not None
    as_user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, _USER)
    initdb = [*as_user, bin_folder / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust", "-N"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off", "-c", "max_connections=60"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*as_user, bin_folder / "postgres", "-D", folder / "data", *options], stderr=log, cwd=folder
        )
        try:
            _wait(process, port)
            yield f"postgresql://{_USER}@127.0.0.1:{port}"
        finally:
            _stop(folder, process)
            shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str) -> str:
    """The URL of a new, empty database."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    return f"{url}/{name}"


def _stop(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """The server itself, not the process that changed the user for it; a fast shutdown."""
    with suppress(OSError, ValueError):
        os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), 2)
    process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        with suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user=_USER, dbname="postgres", connect_timeout=2).close()
            return
        assert process.poll() is None, "PostgreSQL ended"
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
