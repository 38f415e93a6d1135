"""The messages of the device protocol: what devices send, checked; what they are sent, made."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ..errors import ServiceError
from . import capabilities, telemetry
from .actions import Feedback
from .presence import View

_Word = Annotated[str, StringConstraints(max_length=16)]
_Text = Annotated[str, StringConstraints(max_length=500)]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a device says it is, checked and canonical."""

    device: str
    sha256: str
    body: dict[str, Any]
    profile: str
    rfc7228_class: str


Said = Feedback | Declared | tuple[str, dict[str, Any]]  # the tuple: device and health


class _Progress(BaseModel):
    model_config = ConfigDict(strict=True)
    cnt: Annotated[int, Field(ge=0, le=1 << 53)]
    of: Annotated[int, Field(ge=0, le=1 << 53)]


class _Result(BaseModel):
    model_config = ConfigDict(strict=True)
    finished: _Word = "none"
    progress: _Progress | None = None


class _Status(BaseModel):
    model_config = ConfigDict(strict=True)
    execution: _Word
    result: _Result = _Result()
    details: Annotated[list[_Text], Field(max_length=16)] = []


class _Feedback(BaseModel):
    model_config = ConfigDict(strict=True)
    id: Annotated[str, StringConstraints(max_length=20)]
    seq: Annotated[int, Field(ge=1, le=(1 << 31) - 1)]
    status: _Status
    health: dict[str, Any] | None = None


class _Config(BaseModel):
    model_config = ConfigDict(strict=True)
    mode: Literal["replace"] = "replace"
    data: dict[str, Any]


def parse_feedback(device: str, action: int, data: Any, *, stop: bool) -> Feedback:
    """A feedback; ServiceError 422 names the first field that is wrong."""
    said = _checked(_Feedback, data, "feedback")
    if said.id != str(action):
        raise ServiceError(422, f"feedback: id is '{said.id}', the path says {action}", "send both alike")
    detail = " ".join(said.status.details)
    if said.status.result.progress is not None:
        detail = f"{said.status.result.progress.cnt} of {said.status.result.progress.of} {detail}".strip()
    health = telemetry.parse(said.health) if said.health is not None else None
    words = said.status.execution, said.status.result.finished
    return Feedback(action, device, said.seq, *words, detail.replace("\0", ""), health, stop)


def parse_capabilities(device: str, body: bytes) -> Declared:
    """Capabilities; ServiceError 400 or 422 names the first field that is wrong."""
    return replace(_declared(body), device=device)


@lru_cache(maxsize=256)
def _declared(text: bytes) -> Declared:
    """Most devices of a fleet say the same."""
    said = capabilities.parse(_checked(_Config, parse_json(text), "configData").data)
    body = capabilities.canonical(said)
    profile = str(capabilities.profile_of(said))
    return Declared("", capabilities.digest(body), body, profile, capabilities.rfc7228_class(said))


def parse_json(body: bytes) -> Any:
    """JSON as the standard has it; ServiceError 400 for anything else."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ServiceError(400, f"the body is no JSON: {str(error)[:100]}", "send a JSON object") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def deployment(base: str, view: View, action: int) -> dict[str, Any]:
    """What to install, and from where. ``seq``: of the last feedback that was heard, for a device that forgot."""
    offer = next((offer for offer in view.offers if offer.action == action and offer.shown), None)
    if offer is None:
        raise ServiceError(404, f"action {action} is not, or no longer, offered to this device", "poll for what to do")
    artifact = {
        "filename": f"{offer.model}.tml",
        "size": offer.size,
        "hashes": {"sha256": offer.sha256},
        "_links": {"download-http": {"href": f"{base}/artifacts/{offer.sha256}"}},
    }
    chunk = {"part": "module", "version": str(offer.version), "name": offer.model, "artifacts": [artifact]}
    forced = {"download": "forced", "update": "forced", "chunks": [chunk]}
    return {"id": str(action), "seq": offer.seq, "deployment": forced}


def stop(view: View, action: int) -> dict[str, Any]:
    """What to stop."""
    offer = next((offer for offer in view.offers if offer.action == action and offer.cancel), None)
    if offer is None:
        raise ServiceError(404, f"nobody asks to stop action {action}", "poll for what to do")
    return {"id": str(action), "seq": offer.seq, "cancelAction": {"stopId": str(action)}}


def _checked(model: type[Any], data: Any, what: str) -> Any:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:32] for part in first["loc"]) or "body"
        raise ServiceError(422, f"{what}: {where}: {first['msg']}", "see docs/SERVICE.md") from error
