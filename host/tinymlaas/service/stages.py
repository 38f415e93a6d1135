"""Carries rollouts out. Each step is one transaction that does what is still to do: it may be killed at any instant, or run twice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from . import actions, builder
from .capabilities import Capabilities
from .changes import PART, parts
from .database import reading, writing
from .fit import verdict
from .instance import Instance
from .rollouts import FINISHED, RUNNING, STOPPED, draw, hold, withdraw
from .tables import Action, Build, CapabilitySet, Device, Membership, Rollout, Version, now

JOIN_S = 10  # between looks for devices that joined a group
_ALL = "f" * 16  # no draw is larger
_Step = Callable[[Session, Rollout], bool]

log = logging.getLogger(__name__)


def start(instance: Instance) -> threading.Thread:
    """Ticks in a thread until ``instance.stopping`` is set."""
    thread = threading.Thread(target=_run, args=(instance,), name="rollouts", daemon=True)
    thread.start()
    return thread


def _run(instance: Instance) -> None:
    while not instance.stopping.wait(instance.settings.tick_interval):
        try:
            tick(instance)
        except Exception:  # the database is away for a while, or two waited for each other: the next tick does it
            log.exception("rollouts: a tick failed; the next one goes on")


def tick(instance: Instance) -> None:
    """One round over all rollouts that may have something to do."""
    with reading(instance.engine) as session:
        live = _live(session, now())
    for rollout in live:
        for step in (_judge, _place, _offer):
            if step is _place:
                join(instance, rollout)
            while not instance.stopping.is_set() and _once(instance, rollout, step):
                pass


def _live(session: Session, at: datetime) -> list[int]:
    """Running ones, and of the finished ones those that decide what a new member of a group gets."""
    newer, theirs = aliased(Rollout), aliased(Version)
    followed = (
        select(newer.id)
        .join(theirs, newer.version_id == theirs.id)
        .where(newer.group == Rollout.group, newer.id > Rollout.id, theirs.model_id == Version.model_id)
        .where(newer.state.in_((RUNNING, FINISHED)))
    )
    due = or_(Rollout.look_at.is_(None), Rollout.look_at < at)
    lasting = and_(Rollout.state == FINISHED, Rollout.group != "", due, ~exists(followed))
    query = select(Rollout.id).join(Version, Rollout.version_id == Version.id)
    return list(session.scalars(query.where(or_(Rollout.state == RUNNING, lasting)).order_by(Rollout.id)))


def _once(instance: Instance, rollout: int, step: _Step) -> bool:
    """One transaction of a step; True when there may be more to do."""
    with writing(instance.engine) as session:
        found = _held(session, rollout)
        return found is not None and step(session, found)


def _held(session: Session, rollout: int) -> Rollout | None:
    """The rollout as it is now, held against others; None when another process has it, or when it was paused meanwhile."""
    if not hold(session, wait=False):
        return None
    found = session.get(Rollout, rollout, with_for_update=True)
    return found if found is not None and found.state in (RUNNING, FINISHED) else None


def join(instance: Instance, rollout: int) -> None:
    """Actions for the devices whose turn it is, and for those that joined since."""
    with reading(instance.engine) as session:
        found = session.get_one(Rollout, rollout)
        began = now()
        if found.stage < 0 or (found.look_at and found.look_at > began):
            return
        cutoff, model, missed = found.cutoffs[found.stage], found.version.model_id, _undecided(session, found)
        due = [device for device in _candidates(session, found) if draw(rollout, device) <= cutoff]
    for part in parts(sorted(due), PART):
        with writing(instance.engine) as session:
            held = _held(session, rollout)
            if held is None or held.stage != found.stage:
                return
            older = Action.device_id.in_(part) & (Action.model_id == model) & (Action.rollout_id < rollout)
            actions.ask_back(session, older, f"rollout {rollout} brings another version")
            missed |= actions.schedule(session, rollout, model, found.stage, part) < len(part)
    with writing(instance.engine) as session:
        done = update(Rollout).where(Rollout.id == rollout, Rollout.stage == found.stage)
        pause = max(
            timedelta(seconds=JOIN_S), (now() - began) * 50
        )  # large groups take their share of a core, not more
        session.execute(done.values(look_at=None if missed else now() + pause))


def _candidates(session: Session, rollout: Rollout) -> set[str]:
    """Devices without an action in this rollout, or in a newer one of this model, that do not run the version yet.

    For a way back: those that run what is taken back, and members of the group that run nothing yet.
    """
    model = rollout.version.model_id
    its = aliased(Action)
    mine = and_(its.device_id == Device.id, its.model_id == model)
    query = select(Device.id).where(~exists(select(its.id).where(mine, its.rollout_id >= rollout.id)))
    confirmed = select(its.id).where(mine, its.state == actions.CONFIRMED)
    back = session.scalar(select(Rollout.id).where(Rollout.rolled_back_by == rollout.id))
    members = query.join(Membership, Membership.device_id == Device.id).where(Membership.group == rollout.group)
    if back is not None:
        there = query.join(Action, Action.device_id == Device.id)
        taken = there.where(Action.rollout_id == back, Action.state == actions.CONFIRMED)
        first = session.scalars(members.where(~exists(confirmed))) if rollout.group else ()
        return {*session.scalars(taken), *first}
    if rollout.device is not None:
        return set(session.scalars(query.where(Device.id == rollout.device)))
    running = (
        select(Rollout.version_id)
        .join(its, its.rollout_id == Rollout.id)
        .where(mine, its.state == actions.CONFIRMED)
        .order_by(its.id.desc())
        .limit(1)
        .correlate(Device)
        .scalar_subquery()
    )
    return set(session.scalars(members.where(running.is_distinct_from(rollout.version_id))))


def _undecided(session: Session, rollout: Rollout) -> bool:
    """A way back is not complete while a device may still say that it runs what is taken back."""
    back = select(Rollout.id).where(Rollout.rolled_back_by == rollout.id)
    query = select(Action.id).where(Action.rollout_id.in_(back), Action.open, _expected(rollout)).limit(1)
    return session.scalar(query) is not None


def _place(session: Session, rollout: Rollout) -> bool:
    """Finds, or orders, the module for each kind of device that has said what it is: once per kind, not per device."""
    waiting = and_(Action.rollout_id == rollout.id, Action.state == actions.SCHEDULED, Action.build_id.is_(None))
    kinds = select(CapabilitySet.sha256, CapabilitySet.profile).where(
        CapabilitySet.sha256.in_(select(Device.capabilities).join(Action, Action.device_id == Device.id).where(waiting))
    )
    for sha256, profile in session.execute(kinds).all():
        build = builder.ensure(session, rollout.version_id, profile)
        placed = update(Action).where(waiting, _of_kind(sha256)).values(build_id=build.id)
        session.execute(placed, execution_options={"synchronize_session": False})
    return False


def _of_kind(sha256: str) -> ColumnElement[bool]:
    return Action.device_id.in_(select(Device.id).where(Device.capabilities == sha256))


def _offer(session: Session, rollout: Rollout) -> bool:
    """What fits and is signed is offered; what does not fit, or could not be made, is rejected with the reason."""
    here = and_(Action.rollout_id == rollout.id, Action.state == actions.SCHEDULED, ~Action.cancel)
    kinds = (
        select(Action.build_id, Device.capabilities)
        .join(Device, Device.id == Action.device_id)
        .where(here, Action.build_id.is_not(None), Device.capabilities.is_not(None))
        .distinct()
        .order_by(Action.build_id, Device.capabilities)
    )
    for build_id, sha256 in session.execute(kinds).all():
        build, kind = session.get_one(Build, build_id), session.get_one(CapabilitySet, sha256)
        decided = _decide(build, kind)
        if decided is None:
            continue
        if actions.move(session, and_(here, Action.build_id == build_id, _of_kind(sha256 or "")), *decided):
            return True
    return False


def _decide(build: Build, kind: CapabilitySet) -> tuple[str, str] | None:
    """(New state, reason) of actions of this build for this kind of device; None: not yet."""
    if build.state == "failed":
        return actions.REJECTED, f"the module could not be made: {build.error}"
    if not build.facts:
        return None
    fit = verdict(Capabilities.model_validate(kind.body), build.facts)
    if not fit.fits:
        return actions.REJECTED, f"{fit.reason}; {fit.remedy}"
    return (actions.OFFERED, "") if build.state == "ready" else None


def _judge(session: Session, rollout: Rollout) -> bool:
    """Stops a rollout that goes wrong; begins its next stage, or finishes it, when all of a stage have answered."""
    if rollout.state != RUNNING:
        return False
    if rollout.stage >= 0:
        reason = breach(session, rollout)
        if reason:
            rollout.state, rollout.reason = STOPPED, reason
            log.warning("rollout %d stopped: %s", rollout.id, reason)
            withdraw(session, rollout.id, "the rollout was stopped")
            return False
        unanswered = select(Action.id).where(Action.rollout_id == rollout.id, Action.open, _expected(rollout))
        if rollout.look_at is None or session.scalar(unanswered.limit(1)) is not None:
            return False
    _next(session, rollout)
    return False


def _expected(rollout: Rollout) -> ColumnElement[bool]:
    """Actions of devices that were seen, or could have been, within ``absent_s``; all without that limit."""
    absent = rollout.limits.get("absent_s")
    if not absent:
        return Action.id.is_not(None)
    since = now() - timedelta(seconds=absent)
    return or_(Action.created_at >= since, Action.device_id.in_(select(Device.id).where(Device.last_seen >= since)))


def _next(session: Session, rollout: Rollout) -> None:
    stage = rollout.stage + 1
    if stage == len(rollout.stages):
        rollout.state, rollout.reason = FINISHED, ""
        return
    rollout.stage, rollout.look_at = stage, None
    rollout.cutoffs = [*rollout.cutoffs, _cutoff(session, rollout, rollout.stages[stage])]


def _cutoff(session: Session, rollout: Rollout, percent: int) -> str:
    """The draw of the last device that belongs to so many percent of the members: exact, and at least one."""
    if percent == 100 or not rollout.group:
        return _ALL
    members = session.scalars(select(Membership.device_id).where(Membership.group == rollout.group))
    draws = sorted(draw(rollout.id, device) for device in members)
    return draws[ceil(len(draws) * percent / 100) - 1] if draws else _ALL


def breach(session: Session, rollout: Rollout) -> str:
    """Which limit is passed, with the numbers; "" when none is."""
    return _failures(session, rollout) or _slowness(session, rollout) or _errors(session, rollout)


def _failures(session: Session, rollout: Rollout) -> str:
    limit = rollout.limits.get("failed_percent")
    if limit is None:
        return ""
    stage = and_(Action.rollout_id == rollout.id, Action.stage == rollout.stage)
    refused = and_(Action.state == actions.REJECTED, Action.seq > 0)  # seq: the device said so, not the fit verdict
    states = select(Action.state, func.count()).where(stage).group_by(Action.state)
    counts: dict[str, int] = {row[0]: row[1] for row in session.execute(states)}
    counts[actions.REJECTED] = session.scalar(select(func.count()).where(stage, refused)) or 0
    failed = counts.get(actions.FAILED, 0) + counts[actions.REJECTED]
    total = sum(count for state, count in counts.items() if state != actions.CANCELED)
    if not failed or 100 * failed <= limit * total:
        return ""
    bad = or_(Action.state == actions.FAILED, refused)
    common = select(Action.reason, func.count()).where(stage, bad).group_by(Action.reason).order_by(func.count().desc())
    why, times = session.execute(common.limit(1)).one()
    share = f"{failed} of {total} devices failed ({100 * failed / total:.1f} %, limit {limit:g} %)"
    return f"stage {rollout.stage + 1} ({rollout.stages[rollout.stage]} %): {share}; {times} times: {why or 'no reason given'}"


def _slowness(session: Session, rollout: Rollout) -> str:
    limit = rollout.limits.get("latency_ratio")
    if limit is None:
        return ""
    measured = and_(Action.rollout_id == rollout.id, Action.latency_ratio.is_not(None))
    count = session.scalar(select(func.count()).where(measured)) or 0
    if not count:
        return ""
    middle = select(Action.latency_ratio).where(measured).order_by(Action.latency_ratio).offset(count // 2).limit(1)
    median = session.scalar(middle) or 0.0
    if median <= limit:
        return ""
    return f"inference takes {median:.2f} times as long as before (median of {count} devices, limit {limit:g})"


def _errors(session: Session, rollout: Rollout) -> str:
    limit = rollout.limits.get("errors")
    if limit is None:
        return ""
    query = select(func.count(), func.sum(Action.errors)).where(
        Action.rollout_id == rollout.id, Action.state == actions.CONFIRMED
    )
    count, total = session.execute(query).one()
    if not count or (total or 0) <= limit * count:
        return ""
    return f"{total} inference errors on {count} devices ({total / count:.2f} per device, limit {limit:g})"
