"""The running server: socket, uvicorn, and in automatic mode a signer in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from .. import sign
from ..errors import TinymlError, UsageError
from . import audit, signing, tokens
from .database import writing
from .instance import Instance

SIGNER = "auto-signer"  # the name of its token
_EPOCH = 1
_GRACE_S = 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one. With a certificate and its key (PEM files) it is https."""

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None


def listen(address: Address) -> socket.socket:
    """A bound socket; TinymlError when the port is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address.host, address.port))
    except OSError as error:
        found.close()
        reason = f"{address.host}:{address.port}: {error.strerror or error}"
        raise TinymlError(f"{reason}; stop what listens there, or choose another with --port") from error
    found.set_inheritable(True)
    return found


def url_of(address: Address, bound: socket.socket) -> str:
    """The URL under which this machine reaches the socket."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{'https' if address.certificate else 'http'}://{shown}:{port}"


def first_admin(instance: Instance, another: bool = False) -> str | None:
    """Makes the first admin token, once in the life of a database; or another one, for who has lost it."""
    with writing(instance.engine) as session:
        name = f"admin-{secrets.token_hex(4)}" if another else "admin"
        secret = tokens.create(session, name, "admin") if another else tokens.first_admin(session)
        if secret:
            audit.append(session, "service", "token.create", name, {"role": "admin"})
    return secret


def make_keys(folder: Path) -> None:
    """A release key, an online key and its certificate, where there are none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    release, online, certificate = folder / "release.key", folder / "online.key", folder / "online.cert"
    if not online.exists():
        sign.save_key(online, sign.new_key())
    if certificate.exists():
        return
    if not release.exists():
        sign.save_key(release, sign.new_key())
    public = sign.public_bytes(sign.load_key(online))
    certificate.write_text(sign.certificate_text(sign.certify(sign.load_key(release), public, _EPOCH)))


def trust_keys(instance: Instance, folder: Path) -> str:
    """Registers the folder's release key and makes sure that the signer's token is valid; returns that token."""
    public = sign.load_public(str(folder / "release.key.pub")).hex()
    secret = _kept_secret(folder / "signer.token")
    with writing(instance.engine) as session:
        if not signing.is_registered(session, public):
            signing.register(session, public, "made by serve", 0, "service")
        if tokens.ensure(session, SIGNER, "signer", secret):
            audit.append(session, "service", "token.create", SIGNER, {"role": "signer"})
    return secret


def _kept_secret(path: Path) -> str:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(tokens.new_secret())
    return path.read_text().strip()


class AutoSigner:
    """The child process that signs; started again when it dies, ended with this one (also when this one is killed)."""

    def __init__(self, url: str, folder: Path, token: str, certificate: Path | None) -> None:
        trust = ["--trust", str(certificate)] if certificate else []
        keys = ["--key", str(folder / "online.key"), "--certificate", str(folder / "online.cert")]
        code = "from tinymlaas.cli import main; main()"
        self._command = [sys.executable, "-c", code, "signer", "--server", url, *keys, *trust]
        self._environment = {**os.environ, "TINYMLAAS_TOKEN": token, "TINYMLAAS_WITH_PARENT": "1"}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            child = subprocess.Popen(self._command, stdin=subprocess.PIPE, env=self._environment)
            try:
                while child.poll() is None:
                    await asyncio.sleep(0.5)
            finally:
                child.terminate()
                child.wait()
            await asyncio.sleep(2.0)


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def run(app: FastAPI, bound: socket.socket, address: Address, ready: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT, then answers what is under way, for at most 10 s. ``ready`` is called when it listens."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises them again when it is done: then that is the end
    with contextlib.closing(bound):
        _Server(config, ready).run([bound])


def check_tls(address: Address) -> None:
    """UsageError when certificate and key cannot be used, before anything else is started."""
    if address.certificate is None or address.key is None:
        if address.certificate or address.key:
            raise UsageError("a certificate and its key go together: --tls-certificate FILE --tls-key FILE")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(address.certificate, address.key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{address.certificate}, {address.key}: cannot be used for TLS: {error}") from error
