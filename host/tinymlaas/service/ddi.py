"""The device path: hawkBit's DDI in plain ASGI. Reading is answered from memory where nothing changed; writing goes in batches."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ..errors import ServiceError
from . import limits
from .artifacts import Artifacts
from .batch import Batch
from .database import writing
from .instance import Instance
from .messages import Said, deployment, parse_capabilities, parse_feedback, parse_json, stop
from .presence import Presence, View
from .said import take_down
from .telemetry import parse as parse_health

_KINDS: Final = (b"TargetToken ", b"GatewayToken ")
_STRANGER: Final = ServiceError(401, "unknown device or wrong token", "enrol the device, or give it its new token")
_Handler = Callable[[Request, str, View, list[str]], Any]


class DeviceApp:
    """ASGI app for everything below ``prefix``; raises ServiceError, which app.py turns into answers."""

    def __init__(self, instance: Instance) -> None:
        settings = instance.settings
        self.instance = instance
        self.prefix = f"/{settings.tenant}/controller/v1/"
        self.presence = Presence(instance)
        self._rate = limits.Buckets(settings.device_rate, burst=settings.device_rate)
        self._artifacts = Artifacts(instance.store)
        self._writes: Batch[Said, ServiceError | None] = Batch(self._write)
        self._handlers: dict[tuple[str, str], _Handler] = {
            ("PUT", "configData"): self._capabilities,
            ("GET", "deploymentBase"): self._deployment,
            ("POST", "deploymentBase"): self._feedback,
            ("GET", "cancelAction"): self._stop,
            ("POST", "cancelAction"): self._feedback,
            ("GET", "artifacts"): self._artifact,
            ("HEAD", "artifacts"): self._artifact,
            ("POST", "health"): self._health,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of a device."""
        if scope["type"] != "http":
            return
        device, _, rest = scope["path"][len(self.prefix) :].partition("/")
        authorization = match = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"if-none-match":
                match = value
        view = await self._admitted(scope, device, authorization)
        if not rest:
            await self._poll(scope["method"], view, match, send)
            return
        await (await self._other(Request(scope, receive), device, view, rest))(scope, receive, send)

    async def _admitted(self, scope: Scope, device: str, authorization: bytes) -> View:
        """The device's view, for the holder of its token or of its gateway's; 401 and 429 otherwise.

        An address that has shown too many wrong tokens gets no look at the database; known devices behind it are still served.
        """
        address = (scope.get("client") or ("",))[0]
        view = self.presence.get(device)
        if view is None:
            self._not_tired_of(address)
            view = await self.presence.fetch(device)
        kind = next((kind for kind in _KINDS if authorization.startswith(kind)), None)
        token = sha256(authorization[len(kind) :].strip()).hexdigest().encode() if kind else b""
        if not sum(secrets.compare_digest(token, known) for known in view.tokens):  # all of them: equal time
            self._not_tired_of(address)
            self.instance.strangers.take(address)
            raise _STRANGER
        limits.check(self._rate, device, "requests of this device")
        self.presence.seen.add(device)
        return view

    def _not_tired_of(self, address: str) -> None:
        if wait := self.instance.strangers.wait(address):
            raise limits.TooMany(wait, "wrong tokens from this address")

    async def _poll(self, method: str, view: View, match: bytes, send: Send) -> None:
        """The hot path: no object is made that need not be."""
        if method != "GET":
            raise ServiceError(405, f"{method} is not for this path", "GET it")
        same = match == view.etag
        headers = [(b"etag", view.etag)]
        if not same:
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(view.body))]
        await send({"type": "http.response.start", "status": 304 if same else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if same else view.body})

    async def _other(self, request: Request, device: str, view: View, rest: str) -> Response:
        parts = rest.split("/")
        handler = self._handlers.get((request.method, parts[0]))
        if handler is None:
            known = any(name == parts[0] for _, name in self._handlers)
            raise ServiceError(
                405 if known else 404,
                f"{request.method} {request.url.path[:200]}: no such thing",
                "see docs/SERVICE.md",
            )
        response: Response = await handler(request, device, view, parts[1:])
        return response

    async def _capabilities(self, request: Request, device: str, view: View, rest: list[str]) -> Response:
        _length(rest, 0)
        return await self._say(parse_capabilities(device, await self._body(request)))

    async def _health(self, request: Request, device: str, view: View, rest: list[str]) -> Response:
        _length(rest, 0)
        return await self._say((device, parse_health(parse_json(await self._body(request)))))

    async def _feedback(self, request: Request, device: str, view: View, rest: list[str]) -> Response:
        _length(rest, 2, last="feedback")
        stops = "/cancelAction/" in request.url.path
        return await self._say(
            parse_feedback(device, _number(rest[0]), parse_json(await self._body(request)), stop=stops)
        )

    async def _deployment(self, request: Request, device: str, view: View, rest: list[str]) -> Response:
        """Read from the database each time: it tells the device where its count of feedbacks stands."""
        _length(rest, 1)
        view = await self.presence.fetch(device)
        return JSONResponse(deployment(self.prefix + device, view, _number(rest[0])))

    async def _stop(self, request: Request, device: str, view: View, rest: list[str]) -> Response:
        _length(rest, 1)
        return JSONResponse(stop(view, _number(rest[0])))

    async def _artifact(self, request: Request, device: str, view: View, rest: list[str]) -> Response:
        _length(rest, 1)
        offer = next((offer for offer in view.offers if offer.sha256 == rest[0] and rest[0]), None)
        if offer is None:
            raise ServiceError(404, "no open action of this device names this module", "poll for what to do")
        return self._artifacts.answer(request, offer.sha256, offer.size)

    async def _body(self, request: Request) -> bytes:
        most, body = self.instance.settings.max_request_bytes, b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise ServiceError(413, f"the request is larger than {most} bytes", "send less")
        return body

    async def _say(self, said: Said) -> Response:
        refusal = await self._writes.ask(said)
        if refusal is not None:
            raise refusal
        return Response(b"{}", media_type="application/json")

    def _write(self, batch: Sequence[Said]) -> list[ServiceError | None]:
        """In one transaction; two that wait for each other on PostgreSQL: the one that lost tries again."""
        for last in (False, False, True):
            try:
                with writing(self.instance.engine) as session:
                    return take_down(session, batch)
            except OperationalError as error:
                if last or getattr(error.orig, "sqlstate", "") != "40P01":
                    raise
        raise AssertionError("unreachable")


def _length(rest: list[str], length: int, last: str = "") -> None:
    if len(rest) != length or (last and rest[-1] != last):
        raise ServiceError(404, "there is no such path", "see docs/SERVICE.md")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ServiceError(404, f"'{text[:32]}' is no action", "poll for what to do")
    return int(text)
