"""Where devices stand: their newest action with all that is needed to say it in words. A few queries for any number of devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from ..actions import MOST_EVENTS, OPEN
from ..tables import Action, ActionEvent, Build, Model, Rollout, Version


@dataclass(frozen=True, slots=True)
class Standing:
    """A device's part in a rollout, as it stands."""

    action: int
    rollout: int
    device: str
    model: str
    version: int
    state: str
    reason: str
    cancel: bool
    rollout_state: str
    build_state: str | None
    profile: str | None
    detail: str  # of the newest event
    created_at: datetime
    changed_at: datetime

    @property
    def open(self) -> bool:
        """Whether something is still to come."""
        return self.state in OPEN


def newest(session: Session, devices: Sequence[str]) -> dict[str, Standing]:
    """The newest action of each device that has one."""
    newest_ids = select(func.max(Action.id)).where(Action.device_id.in_(devices)).group_by(Action.device_id)
    return {row.device: row for row in _all(session, _query().where(Action.id.in_(newest_ids)))}


def of_device(session: Session, device: str, limit: int) -> list[Standing]:
    """A device's actions, newest first."""
    return _all(session, _query().where(Action.device_id == device).order_by(Action.id.desc()).limit(limit))


def of_rollout(session: Session, rollout: int, states: Sequence[str], after: int, limit: int) -> list[Standing]:
    """A rollout's actions in these states, in order, those with an id above ``after``."""
    query = _query().where(Action.rollout_id == rollout, Action.id > after)
    return _all(session, query.where(Action.state.in_(states)).order_by(Action.id).limit(limit))


def _query() -> Select[*tuple[Any, ...]]:
    last = or_(
        ActionEvent.seq == Action.revision,
        and_(Action.revision > MOST_EVENTS, ActionEvent.seq == MOST_EVENTS),
    )
    columns = (
        Action.id.label("action"),
        Action.rollout_id.label("rollout"),
        Action.device_id.label("device"),
        Model.name.label("model"),
        Version.number.label("version"),
        Action.state,
        Action.reason,
        Action.cancel,
        Rollout.state.label("rollout_state"),
        Build.state.label("build_state"),
        Build.profile,
        ActionEvent.detail,
        Action.created_at,
        Action.changed_at,
    )
    return (
        select(*columns)
        .join(Rollout, Action.rollout_id == Rollout.id)
        .join(Version, Rollout.version_id == Version.id)
        .join(Model, Version.model_id == Model.id)
        .outerjoin(Build, Action.build_id == Build.id)
        .outerjoin(ActionEvent, and_(ActionEvent.action_id == Action.id, last))
    )


def _all(session: Session, query: Select[*tuple[Any, ...]]) -> list[Standing]:
    found: dict[int, Standing] = {}
    for row in session.execute(query):
        values = row._asdict()
        found[row.action] = Standing(**{**values, "detail": row.detail or ""})
    return list(found.values())
