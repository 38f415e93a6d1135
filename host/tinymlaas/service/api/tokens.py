"""/tokens: who may use the API."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import select

from .. import audit, tokens
from ..database import reading, writing
from ..tables import Token
from . import shapes
from .deps import GROUP, Admin, Here, refusals

router = APIRouter(prefix="/tokens", tags=["tokens"])


class NewToken(BaseModel):
    """A name for the audit log, and what its holder may do."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=GROUP)]
    role: Literal["viewer", "operator", "admin", "signer", "gateway"]


@router.get("", responses=refusals())
def list_tokens(here: Here, caller: Admin) -> list[shapes.TokenShape]:
    """All tokens that were ever made, without their secrets."""
    with reading(here.engine) as session:
        return [shapes.TokenShape.model_validate(t) for t in session.scalars(select(Token).order_by(Token.id))]


@router.post("", status_code=201, responses=refusals(409))
def make_token(here: Here, caller: Admin, body: NewToken) -> shapes.Secret:
    """A new token; its text is in this answer and nowhere else."""
    with writing(here.engine) as session:
        secret = tokens.create(session, body.name, body.role)
        audit.append(session, caller.name, "token.create", body.name, {"role": body.role})
    return shapes.Secret(name=body.name, role=body.role, token=secret)


@router.delete("/{name}", status_code=204, response_class=Response, responses=refusals(404, 409))
def revoke_token(here: Here, caller: Admin, name: Annotated[str, Path(pattern=GROUP)]) -> Response:
    """Ends a token at once."""
    with writing(here.engine) as session:
        tokens.revoke(session, name)
        audit.append(session, caller.name, "token.revoke", name)
    return Response(status_code=204)
