"""Who looks at the pages: signed in with a token, known by a cookie; and that a change was meant by whoever is signed in.

The cookie holds a secret of its own, not the token; the database has its hash. A revoked token ends its sign-ins at once.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form, Request, Response
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ...errors import ServiceError
from .. import tokens
from ..api.deps import Here
from ..database import reading
from ..instance import Instance
from ..limits import TooMany, check
from ..tables import SignIn, Token, now
from ..tokens import LADDER, Holder

COOKIE = "tinymlaas"
LASTS = timedelta(hours=12)


class NotSignedIn(Exception):
    """Whoever asks has to sign in first; ``back``: where to go then."""

    def __init__(self, back: str) -> None:
        super().__init__(back)
        self.back = back


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in. ``csrf`` is what a form must bring along to change anything."""

    holder: Holder
    csrf: str

    @property
    def name(self) -> str:
        """For the audit log."""
        return self.holder.name

    def may(self, role: str) -> bool:
        """Whether the token has at least this role."""
        return self.holder.may(role)


def sign_in(session: Session, token_id: int) -> str:
    """A new sign-in, in the caller's transaction; returns the cookie's secret. Those that are over are forgotten."""
    secret, at = tokens.new_secret(), now()
    session.execute(delete(SignIn).where(SignIn.expires_at < at))
    session.add(SignIn(sha256=tokens.digest(secret), token_id=token_id, expires_at=at + LASTS))
    return secret


def sign_out(session: Session, secret: str) -> None:
    """Ends a sign-in, in the caller's transaction."""
    session.execute(delete(SignIn).where(SignIn.sha256 == tokens.digest(secret)))


def holder_of(instance: Instance, secret: str, address: str) -> Holder:
    """Whoever holds the token typed in; ServiceError 401 for a wrong one, 429 after too many, 403 for one of a machine."""
    with reading(instance.engine) as session:
        found = tokens.find(session, secret)
    if found is None:
        wait = instance.strangers.take(address)
        if wait:
            raise TooMany(wait, "wrong tokens")
        raise ServiceError(
            401, "this is no valid token", "copy it whole, with tml_ at its start; an admin makes tokens"
        )
    if found.role not in LADDER:
        raise ServiceError(403, f"'{found.name}' is a {found.role}'s token", f"the pages are for: {', '.join(LADDER)}")
    return found


def keep_cookie(response: Response, secret: str, secure: bool) -> None:
    """Sets the cookie: out of reach of scripts, and never sent along from another site."""
    seconds = int(LASTS.total_seconds())
    response.set_cookie(COOKIE, secret, max_age=seconds, httponly=True, samesite="strict", secure=secure)


def visitor(request: Request, here: Here) -> Visitor:
    """Who is signed in; NotSignedIn, or ServiceError 429 when this token asks too often."""
    secret = request.cookies.get(COOKIE, "")
    found = _known(here, secret) if secret else None
    if found is None:
        raise NotSignedIn(_here_again(request))
    check(here.operators, str(found.token_id), "requests with this token")
    return Visitor(found, _csrf(secret))


def _known(here: Instance, secret: str) -> Holder | None:
    query = (
        select(Token)
        .join(SignIn, SignIn.token_id == Token.id)
        .where(SignIn.sha256 == tokens.digest(secret), SignIn.expires_at > now(), Token.revoked_at.is_(None))
    )
    with reading(here.engine) as session:
        row = session.scalar(query)
        return Holder(row.name, row.role, row.id) if row else None


def _here_again(request: Request) -> str:
    """Where somebody wanted to go; what was to be changed is not done by going back."""
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _csrf(secret: str) -> str:
    return hmac.new(secret.encode(), b"csrf", "sha256").hexdigest()


def same_origin(request: Request) -> None:
    """ServiceError 403 when the browser says that a form came from another site."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ServiceError(403, "this form was sent by another site", "open the page itself and try there")


def allowed(role: str) -> Callable[[Request, Visitor, str], Visitor]:
    """A dependency of everything that changes something: the role, and that the form came from our own page."""

    def check_form(
        request: Request, who: Annotated[Visitor, Depends(visitor)], csrf: Annotated[str, Form(max_length=64)] = ""
    ) -> Visitor:
        same_origin(request)
        if not hmac.compare_digest(csrf.encode(), who.csrf.encode()):
            raise ServiceError(403, "this form is not from your present sign-in", "load the page again, then try again")
        return needs(who, role)

    return check_form


def needs(who: Visitor, role: str) -> Visitor:
    """The visitor again; ServiceError 403 without the role."""
    if not who.may(role):
        raise ServiceError(
            403, f"'{who.name}' is {who.holder.role}, this needs {role}", "sign in with a token of that role"
        )
    return who


Visiting = Annotated[Visitor, Depends(visitor)]
Operating = Annotated[Visitor, Depends(allowed("operator"))]
Administering = Annotated[Visitor, Depends(allowed("admin"))]
Leaving = Annotated[Visitor, Depends(allowed("viewer"))]
