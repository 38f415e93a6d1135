"""Modules that were downloaded, by their SHA-256: a download goes on where it was cut, and boards of one kind share it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ..errors import ModuleError, ServiceError, TinymlError
from .link import Link, Offer

KEPT = 64  # modules; the ones used longest ago are removed

Progress = Callable[[int, int], None]


def default_folder() -> Path:
    """Where a user's programs keep what can be had again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinymlaas" / "modules"


class Cache:
    """A folder of modules, for several threads."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TinymlError(f"{folder}: {error.strerror or error}; choose another folder with --cache") from error
        self.folder = folder
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def fetch(self, link: Link, offer: Offer, progress: Progress) -> bytes:
        """The module offered, downloaded unless it is here. ModuleError when what comes, twice, is not what was offered."""
        with self._lock:
            lock = self._locks[offer.sha256]
        with lock:
            path = self.folder / f"{offer.sha256}.tml"
            if (data := _read(path)) is None or _sha256(data) != offer.sha256:
                try:
                    data = self._download(link, offer, path, progress)
                except ModuleError:  # perhaps the first part was damaged here
                    data = self._download(link, offer, path, progress)
            os.utime(path)
        self._forget_old()
        return data

    def _download(self, link: Link, offer: Offer, path: Path, progress: Progress) -> bytes:
        part = path.with_suffix(".part")
        have = part.stat().st_size if part.exists() else 0
        if have > offer.size:
            part.unlink()
            have = 0
        with part.open("ab") as file:
            for piece in link.pieces(offer.href, have) if have < offer.size else ():
                have += len(piece)
                if have > offer.size:
                    break
                file.write(piece)
                file.flush()
                progress(have, offer.size)
        return _take(part, path, offer)

    def _forget_old(self) -> None:
        files = sorted(self.folder.glob("*.tml"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[KEPT:]:
            path.unlink(missing_ok=True)


def _take(part: Path, path: Path, offer: Offer) -> bytes:
    """Renames a whole download; removes one that is something else, so that the next try starts afresh."""
    data = part.read_bytes()
    if len(data) < offer.size:
        raise ServiceError(
            503, f"{offer.href}: ended after {len(data)} of {offer.size} B", "the gateway goes on trying"
        )
    if _sha256(data) != offer.sha256:
        part.unlink()
        numbers = f"SHA-256 {_sha256(data)[:16]}…, {offer.sha256[:16]}… was offered"
        raise ModuleError(f"the module came altered or damaged: {numbers}; look at the server's store")
    part.replace(path)
    return data


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
