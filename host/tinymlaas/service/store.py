"""Blobs by key, in a folder or an object store: sources, modules, signed modules. What is stored never changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store, from_url

from ..errors import ServiceError, TinymlError

_KEY = re.compile(r"[a-z]+/[0-9a-f]{64}")
_CHUNK = 64 << 10


@dataclass(frozen=True, slots=True)
class Store:
    """Where blobs lie. Every key is ``kind/sha256`` of the content, so that putting one twice changes nothing."""

    where: str
    objects: ObjectStore

    def put(self, kind: str, content: bytes) -> str:
        """Keeps the bytes as ``kind/<sha256>``; returns the SHA-256 in hex. They are whole or not there at all."""
        sha256 = hashlib.sha256(content).hexdigest()
        key = _key(kind, sha256)
        with _named(self.where, key):
            if not _exists(self.objects, key):
                self.objects.put(key, content)
        return sha256

    def get(self, kind: str, sha256: str) -> bytes:
        """All of a blob; ServiceError 404 when there is none, TinymlError when it is not what was stored."""
        key = _key(kind, sha256)
        with _named(self.where, key):
            content = bytes(self.objects.get(key).bytes())
        if hashlib.sha256(content).hexdigest() != sha256:
            raise TinymlError(f"{self.where}/{key}: damaged: its SHA-256 is another; restore it from a copy")
        return content

    def get_range(self, kind: str, sha256: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive) of a blob; not checked against its hash."""
        key = _key(kind, sha256)
        with _named(self.where, key):
            return bytes(self.objects.get_range(key, start=start, end=end))

    def chunks(self, kind: str, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """The same range in pieces of 64 KiB, so that a large module is never held whole."""
        for at in range(start, end, _CHUNK):
            yield self.get_range(kind, sha256, at, min(at + _CHUNK, end))

    def size(self, kind: str, sha256: str) -> int:
        """Bytes of a blob; ServiceError 404 when there is none."""
        key = _key(kind, sha256)
        with _named(self.where, key):
            return int(self.objects.head(key)["size"])

    def exists(self, kind: str, sha256: str) -> bool:
        """Whether there is such a blob."""
        key = _key(kind, sha256)
        with _named(self.where, key):
            return _exists(self.objects, key)

    def delete(self, kind: str, sha256: str) -> None:
        """Removes a blob; nothing happens when there is none."""
        key = _key(kind, sha256)
        with _named(self.where, key):
            if _exists(self.objects, key):
                self.objects.delete(key)


def open_store(where: str) -> Store:
    """A store in a folder, or by URL: ``s3://bucket/prefix``, ``memory://``.

    S3 takes endpoint, region and keys from the usual environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``, ``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``); plain http is used only when the endpoint says so.
    """
    try:
        store = Store(where.rstrip("/"), _open(where))
        store.exists("source", "0" * 64)
    except (BaseError, ValueError, OSError) as error:
        raise TinymlError(f"store {where}: {_first_line(error)}; check the URL and its credentials") from error
    return store


def _open(where: str) -> ObjectStore:
    if "://" not in where:
        folder = Path(where)
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    if where.startswith("memory://"):
        return MemoryStore()
    if where.startswith("s3://"):
        return S3Store.from_url(where, client_options={"allow_http": True, "timeout": "30s"})
    return from_url(where)


def _key(kind: str, sha256: str) -> str:
    key = f"{kind}/{sha256}"
    if not _KEY.fullmatch(key):
        raise ServiceError(404, f"there is no {key[:90]}", "a key is a kind and 64 hex digits")
    return key


def _exists(objects: ObjectStore, key: str) -> bool:
    try:
        objects.head(key)
    except (NotFoundError, FileNotFoundError):
        return False
    return True


class _named:
    """Turns what the object store raises into errors of ours that name the blob."""

    def __init__(self, where: str, key: str) -> None:
        self.where, self.key = where, key

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (NotFoundError, FileNotFoundError)):
            raise ServiceError(404, f"there is no {self.key}", "it may have been deleted from the store") from error
        if isinstance(error, (BaseError, OSError)):
            raise TinymlError(f"{self.where}/{self.key}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
