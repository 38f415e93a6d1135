"""/sign-in and /sign-out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Cookie, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...errors import ServiceError
from ..api.deps import Here
from ..database import writing
from .render import page
from .session import COOKIE, Leaving, holder_of, keep_cookie, same_origin, sign_in, sign_out

router = APIRouter(include_in_schema=False)
_Back = Annotated[str, Query(max_length=1000)]


@router.get("/sign-in")
def show(request: Request, next: _Back = "/") -> Response:
    """The form."""
    return page(request, None, "sign_in.html", back=_local(next), refusal=None)


@router.post("/sign-in")
def enter(
    request: Request,
    here: Here,
    token: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(max_length=1000)] = "/",
) -> Response:
    """Checks the token and sets the cookie; the same form again, with the reason, for a wrong one."""
    same_origin(request)
    address = request.client.host if request.client else ""
    try:
        holder = holder_of(here, token.strip(), address)
    except ServiceError as refusal:
        return page(request, None, "sign_in.html", status=refusal.status, back=_local(back), refusal=refusal)
    with writing(here.engine) as session:
        secret = sign_in(session, holder.token_id)
    response = RedirectResponse(_local(back), 303)
    keep_cookie(response, secret, secure=request.url.scheme == "https")
    return response


@router.post("/sign-out")
def leave(here: Here, who: Leaving, secret: Annotated[str, Cookie(alias=COOKIE)] = "") -> Response:
    """Forgets the sign-in, here and in the browser."""
    with writing(here.engine) as session:
        sign_out(session, secret)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _local(path: str) -> str:
    """A path on this server; anything else becomes the fleet."""
    good = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if good else "/"
