"""/signing for signers, /keys for the release keys that modules may be signed under."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select

from ...planfmt import SIGNATURE
from ...sign import MAX_COUNTER, fingerprint
from .. import builder, signing
from ..database import reading, writing
from ..tables import Build, ReleaseKey
from . import shapes
from .builds import build_shape
from .deps import HEX32, INT, Admin, Here, Line, Signer, Viewer, refusals

router = APIRouter(tags=["signing"])


class Block(BaseModel):
    """A signature block in hex (docs/MODULE_FORMAT.md)."""

    model_config = ConfigDict(extra="forbid")

    block: Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{2 * SIGNATURE.nbytes}}}$")]


class NewKey(BaseModel):
    """A release key's public half in hex; online keys that it certified are accepted from ``lowest_epoch`` on."""

    model_config = ConfigDict(extra="forbid")

    public_key: Annotated[str, StringConstraints(pattern=HEX32)]
    name: Line = ""
    lowest_epoch: Annotated[int, Field(ge=0, le=MAX_COUNTER)] = 0


@router.get("/signing", responses=refusals())
def list_waiting(here: Here, caller: Signer) -> list[shapes.WaitingShape]:
    """Modules that wait for a signature, the urgent ones first; at most 200."""
    with reading(here.engine) as session:
        return [_waiting_shape(build) for build in signing.waiting(session)]


@router.post("/signing/{build}", responses=refusals(404, 409))
def sign(here: Here, caller: Signer, build: Annotated[int, Path(ge=1, le=INT)], body: Block) -> shapes.BuildShape:
    """Takes a signature block for a build, when it is good under a registered release key."""
    signing.accept(here, build, bytes.fromhex(body.block), caller.name)
    with reading(here.engine) as session:
        return build_shape(session.get_one(Build, build))


@router.get("/keys", responses=refusals())
def list_keys(here: Here, caller: Viewer) -> list[shapes.KeyShape]:
    """The registered release keys."""
    with reading(here.engine) as session:
        return [_key_shape(key) for key in session.scalars(select(ReleaseKey).order_by(ReleaseKey.id))]


@router.post("/keys", status_code=201, responses=refusals(409))
def register_key(here: Here, caller: Admin, body: NewKey) -> shapes.KeyShape:
    """Registers a release key; of one that is known, raises the lowest epoch."""
    with writing(here.engine) as session:
        key = signing.register(session, body.public_key, body.name, body.lowest_epoch, caller.name)
        return _key_shape(key)


def _waiting_shape(build: Build) -> shapes.WaitingShape:
    job, version = builder.job_of(build), build.version
    return shapes.WaitingShape(
        build=build.id,
        model=job.name,
        version=version.number,
        profile=build.profile,
        target=job.target,
        labels=job.labels,
        source_sha256=version.source_sha256,
        module_sha256=build.module_sha256 or "",
        made_by=(build.facts or {}).get("made_by", ""),
    )


def _key_shape(key: ReleaseKey) -> shapes.KeyShape:
    columns = {c.name: getattr(key, c.name) for c in ReleaseKey.__table__.columns}
    return shapes.KeyShape(**columns, fingerprint=fingerprint(bytes.fromhex(key.public_key)))
