"""Rollouts: a version for a group, in stages of percent; or for one device. What operators ask for; ``stages`` carries it out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session, aliased

from ..errors import ServiceError
from . import actions, audit, catalogue
from .tables import Action, Device, Membership, Rollout, Version

WAITING, RUNNING, PAUSED, STOPPED = "waiting", "running", "paused", "stopped"
FINISHED, ROLLED_BACK = "finished", "rolled-back"

DAY_S = 86_400
LIMITS: Final[dict[str, float | None]] = {
    "failed_percent": 10,  # of a stage's devices, without those that the fit verdict left out
    "latency_ratio": None,  # median over devices: inference time to that of the version before
    "errors": None,  # of inference, mean per device that runs the new version
    "absent_s": DAY_S,  # a device not seen for so long does not hold up its stage; it gets its turn when it is back
}
_LOCK: Final = 0x544D5254  # one writer of many actions at a time on PostgreSQL; SQLite has only one


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operator asks for. stages: cumulative percent, ascending, the last 100. limits: see LIMITS; None: no limit."""

    group: str
    stages: Sequence[int] = (100,)
    limits: dict[str, float | None] = field(default_factory=dict)
    needs_approval: bool = False


def create(session: Session, version: Version, plan: Plan, actor: str) -> Rollout:
    """A rollout, running unless it waits for approval; ``stages.tick`` does the work. Flushes."""
    _check(session, version, plan)
    rollout = Rollout(
        version_id=version.id,
        group=plan.group,
        state=WAITING if plan.needs_approval else RUNNING,
        stages=list(plan.stages),
        limits=LIMITS | plan.limits,
        created_by=actor[:64],
    )
    _add(session, rollout, version, actor)
    if rollout.state == RUNNING:
        _supersede(session, rollout, version)
    return rollout


def assign(session: Session, device: str, version: Version, actor: str) -> Rollout:
    """A rollout for one device alone: it is sent also when it runs this version already. Flushes."""
    if session.get(Device, device) is None:
        raise ServiceError(404, f"there is no device '{device[:64]}'", "GET /api/v1/devices lists them")
    limits = dict.fromkeys(LIMITS)
    rollout = Rollout(
        version_id=version.id,
        group="",
        device=device,
        state=RUNNING,
        stages=[100],
        limits=limits,
        created_by=actor[:64],
    )
    return _add(session, rollout, version, actor)


def _add(session: Session, rollout: Rollout, version: Version, actor: str) -> Rollout:
    rollout.stage, rollout.cutoffs, rollout.reason = -1, [], ""
    session.add(rollout)
    session.flush()
    to = f"group {rollout.group}" if rollout.group else f"device {rollout.device}"
    detail = {"version": f"{version.model.name} v{version.number}", "to": to, "stages": rollout.stages}
    audit.append(session, actor, "rollout.create", str(rollout.id), detail)
    return rollout


def _check(session: Session, version: Version, plan: Plan) -> None:
    stages = list(plan.stages)
    if not stages or stages[-1] != 100 or stages[0] < 1 or stages != sorted(set(stages)):
        raise ServiceError(
            422, f"stages {stages[:20]} are no rising percentages up to 100", "use for example 5, 25, 100"
        )
    members = select(Membership.device_id).where(Membership.group == plan.group)
    if session.scalar(members.limit(1)) is None:
        raise ServiceError(
            404, f"there is no device in group '{plan.group[:64]}'", "PUT /api/v1/groups/GROUP/devices/ID"
        )
    newer = session.scalar(
        select(func.max(Version.number))
        .join(Rollout, Rollout.version_id == Version.id)
        .join(Action, Action.rollout_id == Rollout.id)
        .where(Action.device_id.in_(members), Action.state == actions.CONFIRMED, Version.model_id == version.model_id)
    )
    if newer and newer > version.number:
        raise ServiceError(
            409,
            f"devices of '{plan.group}' run {version.model.name} v{newer} and refuse the older v{version.number}",
            "roll back the newer rollout, or make a new version of the old source",
        )


def _supersede(session: Session, rollout: Rollout, version: Version) -> None:
    """Older rollouts of the model to the same group end; their open actions give way device by device."""
    others = (
        select(Rollout)
        .join(Version)
        .where(Rollout.group == rollout.group, Rollout.id < rollout.id, Version.model_id == version.model_id)
        .where(Rollout.state.in_((WAITING, RUNNING, PAUSED)))
        .with_for_update(of=Rollout)
    )
    for other in session.scalars(others):
        other.state, other.reason = STOPPED, f"rollout {rollout.id} takes its place"
        withdraw(session, other.id, other.reason)


def get(session: Session, rollout: int, *, lock: bool = False) -> Rollout:
    """A rollout by number; ServiceError 404 when there is none."""
    found = session.get(Rollout, rollout, with_for_update=lock, populate_existing=lock)
    if found is None:
        raise ServiceError(404, f"there is no rollout {rollout}", "GET /api/v1/rollouts lists them")
    return found


def approve(session: Session, rollout: int, actor: str) -> Rollout:
    """From waiting to running."""
    found = _take(session, rollout, "approve", (WAITING,))
    found.state = RUNNING
    _supersede(session, found, found.version)
    audit.append(session, actor, "rollout.approve", str(rollout))
    return found


def pause(session: Session, rollout: int, actor: str) -> Rollout:
    """Nothing new is offered; devices that have begun go on."""
    found = _take(session, rollout, "pause", (RUNNING,))
    found.state, found.reason = PAUSED, f"paused by {actor}"
    withdraw(session, rollout, found.reason)
    audit.append(session, actor, "rollout.pause", str(rollout))
    return found


def resume(session: Session, rollout: int, actor: str, limits: dict[str, float | None] | None = None) -> Rollout:
    """Goes on after a pause or a stop. After a stop other limits are needed, or the same one stops it again at once."""
    found = _take(session, rollout, "resume", (PAUSED, STOPPED))
    newer = aliased(Rollout)
    same = (newer.group == found.group, Version.model_id == found.version.model_id, newer.id > rollout)
    if found.group and session.scalar(select(newer.id).join(Version).where(*same, newer.state != WAITING).limit(1)):
        raise ServiceError(
            409, f"rollout {rollout} was followed by a newer one to '{found.group}'", "start a new rollout"
        )
    found.state, found.reason, found.limits = RUNNING, "", found.limits | (limits or {})
    audit.append(session, actor, "rollout.resume", str(rollout), {"limits": found.limits})
    return found


def roll_back(session: Session, rollout: int, actor: str, to: int | None = None) -> Rollout:
    """Back to an older version's source, as a new version, for the devices that have this rollout's; its open actions are canceled.

    ``to``: number of the older version; without, the newest one of other content that ran on a device and was never stopped.
    Returns the new rollout.
    """
    found = _take(session, rollout, "roll back", (RUNNING, PAUSED, STOPPED, FINISHED))
    version = catalogue.again(session, _good(session, found.version, to), actor)
    back = Rollout(
        version_id=version.id,
        group=found.group,
        device=found.device,
        state=RUNNING,
        stages=[100],
        limits=dict.fromkeys(LIMITS) | {"absent_s": found.limits.get("absent_s")},
        created_by=actor[:64],
    )
    _add(session, back, version, actor)
    found.state, found.rolled_back_by = ROLLED_BACK, back.id
    actions.ask_back(session, Action.rollout_id == rollout, f"rollout {rollout} was rolled back")
    audit.append(session, actor, "rollout.rollback", str(rollout), {"by": back.id, "version": version.number})
    return back


def _good(session: Session, bad: Version, to: int | None) -> Version:
    """What to go back to."""
    if to is not None:
        return catalogue.version_of(session, bad.model.name, to)
    ran = (
        select(Rollout.version_id)
        .join(Action, Action.rollout_id == Rollout.id)
        .where(Action.state == actions.CONFIRMED)
    )
    doubtful = select(Rollout.version_id).where(Rollout.state.in_((STOPPED, ROLLED_BACK)))
    query = select(Version).where(
        Version.model_id == bad.model_id,
        Version.number < bad.number,
        Version.source_sha256 != bad.source_sha256,
        Version.id.in_(ran),
        Version.id.not_in(doubtful),
    )
    found = session.scalar(query.order_by(Version.number.desc()).limit(1))
    if found is None:
        name = bad.model.name
        raise ServiceError(
            409, f"no older version of {name} ran on a device", 'name one: {"version": N}, or pause instead'
        )
    return found


def _take(session: Session, rollout: int, verb: str, states: Sequence[str]) -> Rollout:
    hold(session)
    found = get(session, rollout, lock=True)
    if found.state not in states:
        raise ServiceError(
            409, f"rollout {rollout} is {found.state}: cannot {verb} it", f"only when {' or '.join(states)}"
        )
    return found


def hold(session: Session, *, wait: bool = True) -> bool:
    """Until the end of the transaction nobody else changes many actions at once; False when somebody does and we do not wait."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    if wait:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}))


def withdraw(session: Session, rollout: int, reason: str) -> None:
    """Offers that no device has taken up are not shown any more."""
    offered: ColumnElement[bool] = (Action.rollout_id == rollout) & (Action.state == actions.OFFERED)
    while actions.move(session, offered, actions.SCHEDULED, reason):
        pass


def draw(rollout: int, device: str) -> str:
    """Where a device stands in a rollout's order, in hex: random to people, the same in every process."""
    return hashlib.blake2b(f"{rollout}/{device}".encode(), digest_size=8).hexdigest()


def counts(session: Session, rollout: int) -> list[dict[str, Any]]:
    """Actions per stage and state."""
    query = select(Action.stage, Action.state, func.count()).where(Action.rollout_id == rollout)
    found: dict[int, dict[str, int]] = {}
    for stage, state, count in session.execute(query.group_by(Action.stage, Action.state)):
        found.setdefault(stage, {})[state] = count
    return [{"stage": stage, "states": states} for stage, states in sorted(found.items())]
