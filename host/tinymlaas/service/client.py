"""The operator's API from the other side, for commands: refusals become errors with the server's own words."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx

from ..errors import ServiceError, TinymlError, UsageError

DEFAULT_SERVER = "http://127.0.0.1:8000"
_TIMEOUT = httpx.Timeout(30.0, read=330.0)  # an upload is answered when the model has been compiled
_CHUNK = 64 << 10


class Client:
    """A connection with a token. ``certificate``: file of the one server certificate to trust, whatever name is in it."""

    def __init__(self, server: str, token: str, certificate: Path | None = None) -> None:
        if not server.startswith(("http://", "https://")):
            raise UsageError(f"'{server}' is no URL of a server; such as {DEFAULT_SERVER}")
        self.server = server.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=f"{self.server}/api/v1", headers=headers, timeout=_TIMEOUT, verify=trusted(certificate)
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET."""
        return self._ask("GET", path, params=query).json()

    def get_bytes(self, path: str) -> bytes:
        """Body of a GET."""
        return self._ask("GET", path).content

    def post(self, path: str, body: Any = None) -> Any:
        """JSON that a POST of JSON is answered with."""
        return self._ask("POST", path, json=body).json()

    def upload(self, path: str, file: IO[bytes], name: str, fields: dict[str, str]) -> Any:
        """JSON that a POST of a form with one file is answered with."""
        return self._ask("POST", path, data=fields, files={"file": (name, file)}).json()

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise TinymlError(f"{self.server}: {why}; is it up? start one with: tinymlaas serve") from error
        if response.is_error:
            raise refusal(response, f"{self.server}{path}")
        return response


class Counted:
    """A file that says how much of it was read."""

    def __init__(self, file: IO[bytes], size: int, progress: Callable[[int, int], None]) -> None:
        self._file, self._size, self._progress = file, size, progress

    def read(self, size: int = -1) -> bytes:
        """At most 64 KiB at a time, so that there is progress to be seen."""
        piece = self._file.read(min(size, _CHUNK) if size > 0 else size)
        self._progress(self._file.tell(), self._size)
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def refusal(response: httpx.Response, where: str) -> ServiceError:
    """The error that an answer of 4xx or 5xx is, in the server's own words."""
    try:
        said = response.json()
        return ServiceError(response.status_code, str(said["error"]), str(said["remedy"]))
    except (ValueError, KeyError, TypeError):
        words = f"{where}: {response.status_code} {response.reason_phrase}"
        return ServiceError(response.status_code, words, "is this a tinymlaas server?")


def token_from(given: str | None) -> str:
    """The token given, else ``TINYMLAAS_TOKEN``, else the file ~/.config/tinymlaas/token. UsageError when there is none."""
    found = given or os.environ.get("TINYMLAAS_TOKEN") or ""
    path = token_file()
    if not found and path.is_file():
        found = path.read_text().strip()
    if not found or not found.isascii() or not found.isprintable():
        raise UsageError(f"no token; set TINYMLAAS_TOKEN, or put it into {path} (mode 600)")
    return found


def token_file() -> Path:
    """Where a user keeps a token."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tinymlaas" / "token"


def trusted(certificate: Path | None) -> ssl.SSLContext | bool:
    """The usual authorities, or one certificate only: then it is the key that counts, not the name."""
    if certificate is None:
        return True
    try:
        context = ssl.create_default_context(cafile=str(certificate))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{certificate}: not a certificate in PEM form: {error}") from error
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
