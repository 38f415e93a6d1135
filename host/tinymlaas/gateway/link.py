"""A device's connection to a server: the device protocol of docs/SERVICE.md over httpx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from ..errors import ServiceError, UsageError
from ..service.client import refusal, trusted

TIMEOUT_S = 30.0
MAX_MODULE_BYTES = 64 << 20  # no board takes more; a server that says so is broken
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SLEEP = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")
_PIECE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Poll:
    """What a server wants: paths by kind of work, and the seconds until it wants to be asked again."""

    links: dict[str, str]
    sleep_s: float


@dataclass(frozen=True, slots=True)
class Offer:
    """A module to install. ``seq``: of the last feedback that the server heard; ``href``: of the module."""

    action: int
    seq: int
    model: str
    version: int
    size: int
    sha256: str
    href: str


@dataclass(frozen=True, slots=True)
class Said:
    """A feedback: hawkBit's words, the reason, how far (of how much), and the device's health."""

    execution: str
    finished: str = "none"
    detail: str = ""
    progress: tuple[int, int] | None = None
    health: dict[str, Any] | None = None


class Link:
    """One device at one server. Refusals, and answers that do not come (status 503), are ServiceErrors."""

    def __init__(self, server: str, device: str, authorization: str, trust: Path | None = None) -> None:
        """``authorization``: "TargetToken …" or "GatewayToken …"; ``trust``: the one server certificate to trust."""
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"'{server}' is no URL of a server; such as http://192.168.1.10:8000")
        self.server = f"{parts.scheme}://{parts.netloc}"
        self.base = f"/default/controller/v1/{device}"
        headers = {"Authorization": authorization}
        self._http = httpx.Client(base_url=self.server, headers=headers, timeout=TIMEOUT_S, verify=trusted(trust))
        self._etag = ""
        self.last = Poll({}, 30.0)  # answer of the server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()

    def poll(self) -> Poll:
        """What there is to do; the last answer again when nothing changed."""
        answer = self._ask("GET", self.base, headers={"If-None-Match": self._etag} if self._etag else {})
        if answer.status_code != 304:
            self.last = _poll(_json(answer))
            self._etag = answer.headers.get("etag", "")
        return self.last

    def declare(self, capabilities: dict[str, Any]) -> None:
        """Says what the device is."""
        self._ask("PUT", f"{self.base}/configData", json={"mode": "replace", "data": capabilities})

    def offer(self, path: str) -> Offer:
        """What a deploymentBase link is about; ServiceError 404 when it was withdrawn."""
        return _offer(_json(self._ask("GET", path)))

    def stop(self, path: str) -> tuple[int, int]:
        """(action, seq) of a cancelAction link."""
        said = _json(self._ask("GET", path))
        try:
            return int(said["cancelAction"]["stopId"]), int(said["seq"])
        except (KeyError, TypeError, ValueError) as error:
            raise _nonsense(f"cancelAction without {error}") from error

    def tell(self, action: int, seq: int, said: Said, *, stop: bool = False) -> None:
        """One feedback; a ``seq`` that was heard before changes nothing."""
        result: dict[str, Any] = {"finished": said.finished}
        if said.progress:
            result["progress"] = {"cnt": said.progress[0], "of": said.progress[1]}
        status = {"execution": said.execution, "result": result, "details": [said.detail[:500]] if said.detail else []}
        body: dict[str, Any] = {"id": str(action), "seq": seq, "status": status}
        if said.health:
            body["health"] = said.health
        kind = "cancelAction" if stop else "deploymentBase"
        self._ask("POST", f"{self.base}/{kind}/{action}/feedback", json=body)

    def report(self, health: dict[str, Any]) -> None:
        """Says how the device is."""
        self._ask("POST", f"{self.base}/health", json=health)

    def pieces(self, href: str, start: int) -> Iterator[bytes]:
        """A module from byte ``start`` on."""
        try:
            with self._http.stream("GET", self._own(href), headers={"Range": f"bytes={start}-"}) as answer:
                if answer.status_code not in (206, 200 if start == 0 else 206):
                    answer.read()
                    raise refusal(answer, str(answer.url))
                yield from answer.iter_bytes(_PIECE_BYTES)
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, self._own(path), **more)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        if answer.is_error:
            raise refusal(answer, str(answer.url))
        return answer

    def _own(self, path: str) -> str:
        """Links lead nowhere else: the token is for this server."""
        url = urljoin(self.server, path)
        if not url.startswith(self.server + "/"):
            raise _nonsense(f"a link to another server, {path[:100]!r}")
        return url

    def _away(self, error: Exception) -> ServiceError:
        return ServiceError(503, f"{self.server}: {str(error) or type(error).__name__}", "the gateway goes on trying")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise _nonsense("no JSON") from error


def _nonsense(what: str) -> ServiceError:
    return ServiceError(502, f"the server's answer makes no sense: {what}", "is this a tinymlaas server?")


def _poll(said: Any) -> Poll:
    try:
        hours, minutes, seconds = map(int, _SLEEP.fullmatch(said["config"]["polling"]["sleep"]).groups())  # type: ignore[union-attr]
        links = {str(kind): str(link["href"]) for kind, link in said["_links"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _nonsense(f"poll: {error}") from error
    return Poll(links, max(0.1, hours * 3600.0 + minutes * 60 + seconds))


def _offer(said: Any) -> Offer:
    try:
        chunk = said["deployment"]["chunks"][0]
        artifact = chunk["artifacts"][0]
        offer = Offer(
            action=int(said["id"]),
            seq=int(said["seq"]),
            model=str(chunk["name"]),
            version=int(chunk["version"]),
            size=int(artifact["size"]),
            sha256=str(artifact["hashes"]["sha256"]),
            href=str(artifact["_links"]["download-http"]["href"]),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _nonsense(f"deploymentBase: {error}") from error
    if not _NAME.fullmatch(offer.model) or not _SHA256.fullmatch(offer.sha256):  # both become parts of paths
        raise _nonsense(f"model {offer.model[:70]!r} with SHA-256 {offer.sha256[:70]!r}")
    if not 0 < offer.size <= MAX_MODULE_BYTES:
        raise _nonsense(f"a module of {offer.size} bytes, at most {MAX_MODULE_BYTES} are taken")
    return offer
