"""Who may do what. A token is 32 random bytes, shown once; the database holds its SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..errors import ServiceError
from .tables import Device, Token, now

LADDER = ("viewer", "operator", "admin")  # each may do what those before it may
ROLES = (*LADDER, "signer", "gateway")
_PREFIX = "tml_"  # lets people and secret scanners see what it is


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever holds a valid token: its name for the audit log, its role, its row."""

    name: str
    role: str
    token_id: int

    def may(self, role: str) -> bool:
        """Whether the holder has at least this role; signer and gateway stand beside the ladder."""
        if role in LADDER and self.role in LADDER:
            return LADDER.index(self.role) >= LADDER.index(role)
        return self.role == role


def new_secret() -> str:
    """A token's text."""
    return _PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a token, hex. 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def matches(secret: str, stored: str | None) -> bool:
    """Compares in constant time."""
    return stored is not None and secrets.compare_digest(digest(secret), stored)


def create(session: Session, name: str, role: str) -> str:
    """A new token's text; ServiceError 409 when the name is taken. Flushes."""
    if role not in ROLES:
        raise ServiceError(422, f"unknown role '{role[:32]}'", f"roles are: {', '.join(ROLES)}")
    if session.scalar(select(Token.id).where(Token.name == name)) is not None:
        raise ServiceError(409, f"there is, or was, a token named '{name}'", "take another name")
    secret = new_secret()
    session.add(Token(name=name, role=role, sha256=digest(secret)))
    session.flush()
    return secret


def ensure(session: Session, name: str, role: str, secret: str) -> bool:
    """Makes a token whose text is kept elsewhere valid under a name; True when it was not."""
    row = session.scalar(select(Token).where(Token.name == name))
    if row is None:
        session.add(Token(name=name, role=role, sha256=digest(secret)))
        return True
    if row.sha256 == digest(secret) and row.revoked_at is None and row.role == role:
        return False
    row.sha256, row.revoked_at, row.role = digest(secret), None, role
    return True


def find(session: Session, secret: str) -> Holder | None:
    """The holder of a token that was not revoked. The lookup is by hash, so its time tells nothing about the secret."""
    row = session.scalar(select(Token).where(Token.sha256 == digest(secret), Token.revoked_at.is_(None)))
    return Holder(row.name, row.role, row.id) if row else None


def revoke(session: Session, name: str) -> None:
    """Ends a token at once; the last admin's cannot be. Its row stays for the audit log."""
    row = session.scalar(select(Token).where(Token.name == name, Token.revoked_at.is_(None)))
    if row is None:
        raise ServiceError(404, f"there is no token named '{name}'", "GET /api/v1/tokens lists them")
    if row.role == "admin" and len(_admins(session)) == 1:
        raise ServiceError(409, f"'{name}' is the last admin token", "make another admin token first")
    row.revoked_at = now()


def first_admin(session: Session) -> str | None:
    """The text of a first admin token, where no admin token was ever made; else None."""
    if session.scalar(select(Token.id).where(Token.role == "admin").limit(1)) is not None:
        return None
    return create(session, "admin", "admin")


def renew_device(session: Session, device: Device) -> str:
    """A new token for a device; the old one ends at once."""
    secret = new_secret()
    device.token_sha256 = digest(secret)
    device.revision += 1
    return secret


def _admins(session: Session) -> list[Token]:
    """Locked, so that two admins who revoke each other at once do not both succeed."""
    query = select(Token).where(Token.role == "admin", Token.revoked_at.is_(None)).with_for_update()
    return list(session.scalars(query))
