"""Signs what waits, after making it again: a signer takes no byte of a module from the server, only the source, and compares hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .. import __version__
from ..errors import ModuleError, TinymlError
from ..sign import Certificate, prepare, signature_block
from .client import Client
from .compiler import Job, compile_apart


@dataclass(frozen=True, slots=True)
class Signer:
    """A connection with a signer's token, and the key; the certificate is of a key that is no release key."""

    client: Client
    key: Ed25519PrivateKey
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one waiting build; ``error`` is empty when it was signed."""

    build: int
    what: str
    error: str = ""


def sign_waiting(signer: Signer, told: Callable[[Outcome], None], skip: set[tuple[int, str]] | None = None) -> int:
    """One round over what waits; how many were signed. What cannot be is told once, and then skipped."""
    skip, signed = set() if skip is None else skip, 0
    for task in signer.client.get("/signing"):
        mark = (int(task["build"]), str(task["module_sha256"]))
        if mark in skip:
            continue
        what = f"{task['model']} v{task['version']} for {task['profile']}"
        try:
            sign_one(signer, task)
        except TinymlError as error:
            skip.add(mark)
            told(Outcome(mark[0], what, str(error)))
        else:
            signed += 1
            told(Outcome(mark[0], what))
    return signed


def sign_one(signer: Signer, task: dict[str, Any]) -> None:
    """Compiles the source, compares, signs, uploads the block."""
    module = recompile(signer.client, task)
    prepared = prepare(module, int(task["version"]))
    block = signature_block(prepared, signer.key, signer.certificate)
    signer.client.post(f"/signing/{task['build']}", {"block": block.hex()})


def recompile(client: Client, task: dict[str, Any]) -> bytes:
    """The module, made here from the source. ModuleError when the server's is another."""
    source = client.get_bytes(f"/models/{task['model']}/versions/{task['version']}/source")
    if hashlib.sha256(source).hexdigest() != task["source_sha256"]:
        raise ModuleError("the source is not the one that the server names: not signed")
    module = compile_apart(source, Job(task["model"], task["target"], task["labels"])).module
    sha256 = hashlib.sha256(module).hexdigest()
    if sha256 != task["module_sha256"]:
        raise ModuleError(
            f"the server's module {task['module_sha256'][:16]} is not what its source compiles to here, {sha256[:16]}: not signed. "
            f"The server's was made by {task['made_by']}, this is tinymlaas {__version__}: use the same, then POST "
            f"/api/v1/builds/{task['build']}/retry"
        )
    return module
