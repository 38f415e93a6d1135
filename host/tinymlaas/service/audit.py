"""The audit log: only ever added to, each entry's hash covers the one before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from .tables import AuditEntry, now

GENESIS = "0" * 64
_LOCK = 0x544D4C  # one writer at a time on PostgreSQL; SQLite has only one


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``verify`` found: entries read, the newest hash, and the first entry that does not follow from the one before."""

    entries: int
    head: str
    broken: int | None

    @property
    def ok(self) -> bool:
        """The chain holds."""
        return self.broken is None


def append(session: Session, actor: str, verb: str, subject: str, detail: dict[str, Any] | None = None) -> AuditEntry:
    """Adds an entry in the caller's transaction: what it tells of and the entry are committed together. Never put secrets in."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1))
    entry = AuditEntry(
        id=last.id + 1 if last else 1,
        at=now(),
        actor=actor[:96],
        verb=verb,
        subject=subject[:128],
        detail=detail or {},
        previous=last.sha256 if last else GENESIS,
    )
    entry.sha256 = _hash(entry)
    session.add(entry)
    session.flush()
    return entry


def verify(session: Session) -> Verdict:
    """Follows the whole chain. Entries cut off at the end show only against a ``head`` that was noted elsewhere."""
    previous, count = GENESIS, 0
    query = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)
    for entry in session.scalars(query):
        count += 1
        if entry.id != count or entry.previous != previous or entry.sha256 != _hash(entry):
            return Verdict(count, previous, entry.id)
        previous = entry.sha256
    return Verdict(count, previous, None)


def _hash(entry: AuditEntry) -> str:
    fields = [entry.previous, entry.id, entry.at.isoformat(), entry.actor, entry.verb, entry.subject, entry.detail]
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
