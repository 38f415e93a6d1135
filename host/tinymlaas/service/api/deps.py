"""What endpoints ask for: the instance, and who is calling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, StringConstraints

from ...errors import ServiceError
from .. import tokens
from ..database import reading
from ..instance import Instance
from ..limits import TooMany, check
from ..tokens import Holder

_bearer = HTTPBearer(auto_error=False, description="An operator token: `Authorization: Bearer tml_…`")

# Text from people: no control characters, which PostgreSQL, terminals or logs would stumble over.
LINE = r"^[^\x00-\x1f\x7f]*$"
Line = Annotated[str, StringConstraints(pattern=LINE, max_length=128)]
DEVICE = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"
GROUP = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
HEX32 = r"^[0-9a-f]{64}$"
MOST_ROWS = 500
INT = (1 << 31) - 1  # of a key in every database


class Refusal(BaseModel):
    """Every answer of 4xx and 5xx: what is wrong, and what to do."""

    error: str
    remedy: str


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of a route: these statuses, and those that any route may answer."""
    return {status: {"model": Refusal} for status in {*statuses, 400, 401, 403, 413, 422, 429, 503}}


def only_known_query(request: Request) -> None:
    """422 for a query parameter that the route does not have: a mistyped filter would show everything."""
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        what = f"there are: {', '.join(sorted(known))}" if known else "leave it out"
        raise ServiceError(422, f"query.{unknown[0][:40]}: no such parameter", what)


def instance(request: Request) -> Instance:
    """The running instance."""
    found: Instance = request.app.state.instance
    return found


def holder(
    request: Request,
    here: Annotated[Instance, Depends(instance)],
    sent: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Holder:
    """Whoever holds the token that was sent; 401 without a valid one, 429 when too many came."""
    with reading(here.engine) as session:
        found = tokens.find(session, sent.credentials) if sent else None
    if found is None:
        wait = here.strangers.take(request.client.host if request.client else "")
        if wait:
            raise TooMany(wait, "requests without a valid token")
        raise ServiceError(401, "no valid token", "send 'Authorization: Bearer TOKEN'; an admin makes tokens")
    check(here.operators, str(found.token_id), "requests with this token")
    return found


def role(*wanted: str) -> Callable[[Holder], Holder]:
    """A dependency: the caller has one of these roles, or a higher one; else 403."""

    def allowed(caller: Annotated[Holder, Depends(holder)]) -> Holder:
        if not any(caller.may(one) for one in wanted):
            remedy = "use a token of that role; an admin makes tokens"
            raise ServiceError(403, f"'{caller.name}' is {caller.role}, this needs {' or '.join(wanted)}", remedy)
        return caller

    return allowed


Here = Annotated[Instance, Depends(instance)]
Viewer = Annotated[Holder, Depends(role("viewer"))]
Operator = Annotated[Holder, Depends(role("operator"))]
Admin = Annotated[Holder, Depends(role("admin"))]
Signer = Annotated[Holder, Depends(role("signer"))]
SignerOrOperator = Annotated[Holder, Depends(role("signer", "operator"))]
