"""What devices said, a batch of it, written down in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from ..errors import ServiceError
from . import actions, telemetry
from .actions import Feedback
from .changes import insert_or_skip, touch
from .messages import Declared, Said
from .tables import Action, CapabilityReport, CapabilitySet, Device, now


def take_down(session: Session, batch: Sequence[Said]) -> list[ServiceError | None]:
    """Per message None, or why it is refused. Whatever was heard before changes nothing."""
    feedbacks = [said for said in batch if isinstance(said, Feedback)]
    outcomes = dict(zip(map(id, feedbacks), actions.report(session, feedbacks), strict=True)) if feedbacks else {}
    news = [said for said in feedbacks if outcomes[id(said)] is True and said.health is not None]
    _keep_health(session, news)
    reports = [(said.device, said.health) for said in news if said.health is not None]
    reports += [said for said in batch if isinstance(said, tuple)]
    if reports:
        telemetry.record(session, reports)
    if declared := {said.device: said for said in batch if isinstance(said, Declared)}:
        declare(session, declared)
    return [refusal if isinstance(refusal := outcomes.get(id(said)), ServiceError) else None for said in batch]


def _keep_health(session: Session, news: Sequence[Feedback]) -> None:
    """With the action, as the device measured it then."""
    if news:
        statement = update(Action).where(Action.id == bindparam("key")).values(health=bindparam("body"))
        values = {said.action: {"key": said.action, "body": said.health} for said in news}
        session.connection().execute(statement, [values[key] for key in sorted(values)])


def declare(session: Session, declared: dict[str, Declared]) -> None:
    """Keeps what devices say they are, where it differs from what they said last; offers made for what they were are withdrawn."""
    query = select(Device.id, Device.capabilities).where(Device.id.in_(sorted(declared)))
    known = session.execute(query.order_by(Device.id).with_for_update()).all()
    changed = [declared[device] for device, sha256 in known if sha256 != declared[device].sha256]
    if not changed:
        return
    sets = {said.sha256: said for said in changed}
    session.execute(
        insert_or_skip(session, CapabilitySet),
        [
            {"sha256": said.sha256, "body": said.body, "profile": said.profile, "rfc7228_class": said.rfc7228_class}
            for _, said in sorted(sets.items())
        ],
    )
    session.connection().execute(_SET, [{"key": said.device, "said": said.sha256} for said in changed])
    at = now()
    reports = [{"device_id": said.device, "sha256": said.sha256, "reported_at": at} for said in changed]
    session.execute(insert(CapabilityReport), reports)
    _again(session, [said.device for said in changed])


_SET = update(Device).where(Device.id == bindparam("key")).values(capabilities=bindparam("said"))


def _again(session: Session, devices: list[str]) -> None:
    """Fit and build are looked for anew, unless the device has begun: then it finds out itself."""
    begun = Action.state.in_((actions.SCHEDULED, actions.OFFERED))
    keys = session.scalars(select(Action.id).where(Action.device_id.in_(devices), Action.open, begun)).all()
    if keys:
        theirs = Action.id.in_(keys)
        actions.move(
            session, theirs & (Action.state == actions.OFFERED), actions.SCHEDULED, "the device changed", len(keys)
        )
        waiting = update(Action).where(theirs, Action.state == actions.SCHEDULED, Action.build_id.is_not(None))
        session.execute(waiting.values(build_id=None), execution_options={"synchronize_session": False})
    touch(session, devices)
