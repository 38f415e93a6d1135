"""Makes every build a fast no-op the second time, and safe to start twice at once."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinymlaas.toolchain import paths, process


def fingerprint(files: Iterable[Path], *settings: object) -> str:
    """SHA-256 over names and contents of `files` and over `settings`; changes when a build has to be done again."""
    digest = hashlib.sha256(json.dumps([str(setting) for setting in settings]).encode())
    for path in sorted(set(files)):
        digest.update(f"\0{paths.shown(path)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_current(stamp: Path, key: str, outputs: Iterable[Path]) -> bool:
    """True when `stamp` holds `key` and every output is there."""
    return stamp.is_file() and stamp.read_text().strip() == key and all(path.exists() for path in outputs)


def write(stamp: Path, key: str) -> None:
    """Records that the outputs beside `stamp` were made from inputs with fingerprint `key`."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key + "\n")


def tree(folder: Path, *patterns: str) -> list[Path]:
    """Files below `folder` that match one of the glob `patterns` (all files when none is given)."""
    found = (path for pattern in patterns or ("*",) for path in folder.rglob(pattern))
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Holds a lock of that name across processes; says so when it has to wait for another one."""
    folder = paths.build_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process.say(f"{name}: waiting for another build of it to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
