"""/audit: who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from .. import audit
from ..database import reading
from ..tables import AuditEntry
from . import shapes
from .deps import INT, MOST_ROWS, Admin, Here, refusals

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", responses=refusals())
def list_entries(
    here: Here,
    caller: Admin,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    after: Annotated[int, Query(ge=0, le=INT)] = 0,
) -> shapes.Page[shapes.AuditShape]:
    """Entries in the order they were made."""
    query = select(AuditEntry).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(limit + 1)
    with reading(here.engine) as session:
        rows = session.scalars(query).all()
    items = [shapes.AuditShape.model_validate(row) for row in rows[:limit]]
    return shapes.Page(items=items, next=str(items[-1].id) if len(rows) > limit else None)


@router.get("/verify", responses=refusals())
def verify(here: Here, caller: Admin) -> shapes.AuditVerdict:
    """Follows the chain of hashes from the first entry to the last."""
    with reading(here.engine) as session:
        found = audit.verify(session)
    return shapes.AuditVerdict(ok=found.ok, entries=found.entries, head=found.head, broken=found.broken)
