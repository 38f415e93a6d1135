"""The life of an action: what may follow what (pure), and how that is written down (compare-and-set, events)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, insert, literal, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..errors import ServiceError
from .changes import PART, insert_or_skip, parts, touch
from .tables import Action, ActionEvent, Device, UtcDateTime, now

SCHEDULED, OFFERED, DOWNLOADING, DOWNLOADED = "scheduled", "offered", "downloading", "downloaded"
TESTING, CONFIRMED, FAILED, REJECTED, CANCELED = "testing", "confirmed", "failed", "rejected", "canceled"

OPEN = (SCHEDULED, OFFERED, DOWNLOADING, DOWNLOADED, TESTING)
TERMINAL = (CONFIRMED, FAILED, REJECTED, CANCELED)
STATES = OPEN + TERMINAL

# What a device may say next. It may leave steps out (a report was lost for good) and start over (its power failed).
_BY_DEVICE: Final = frozenset({DOWNLOADING, DOWNLOADED, TESTING, *TERMINAL})
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    SCHEDULED: _BY_DEVICE | {OFFERED},  # by device: an offer that was withdrawn after the device had seen it
    OFFERED: _BY_DEVICE | {SCHEDULED},
    DOWNLOADING: _BY_DEVICE,
    DOWNLOADED: _BY_DEVICE,
    TESTING: _BY_DEVICE,
    **{state: frozenset() for state in TERMINAL},
}

_MEANS: Final = {
    ("download", "none"): DOWNLOADING,
    ("downloaded", "none"): DOWNLOADED,
    ("proceeding", "none"): TESTING,
    ("closed", "success"): CONFIRMED,
    ("closed", "failure"): FAILED,
}
MOST_EVENTS = 200  # of one action; what a device reports beyond is followed, but not kept
_DETAIL = 500  # characters


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an action stands. ``seq``: of the device's last feedback; ``revision`` counts changes."""

    state: str
    seq: int = 0
    cancel: bool = False
    revision: int = 1
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a device says about an action; ``stop``: it answers a cancelAction."""

    action: int
    device: str
    seq: int
    execution: str
    finished: str = "none"
    detail: str = ""
    health: dict[str, Any] | None = None
    stop: bool = False


def meaning(execution: str, finished: str, *, stop: bool = False) -> str | None:
    """The state that a feedback tells of; None for words that do not go together, and ``""`` for "I cannot stop any more"."""
    if execution in (REJECTED, CANCELED):
        return "" if stop and execution == REJECTED else execution
    if stop and execution == "closed":
        return {"success": CANCELED, "failure": ""}.get(finished)
    return _MEANS.get((execution, "none" if execution != "closed" else finished))


def follow(standing: Standing, feedback: Feedback) -> Standing | None:
    """The action after a feedback; None for one that was heard before. ServiceError 410 when the action has ended, 400 for nonsense."""
    if feedback.seq <= standing.seq:
        return None
    state = meaning(feedback.execution, feedback.finished, stop=feedback.stop)
    if state is None:
        words = f"'{feedback.execution[:16]}' with result '{feedback.finished[:16]}'"
        raise ServiceError(400, f"feedback {words} means nothing", "closed goes with success or failure")
    if not TRANSITIONS[standing.state]:
        raise ServiceError(410, f"action {feedback.action} is {standing.state} for good", "poll for what to do now")
    heard = replace(standing, seq=feedback.seq, revision=standing.revision + 1)
    if state == "":
        return replace(heard, cancel=False)
    return replace(heard, state=state, reason=feedback.detail[:_DETAIL] if state in TERMINAL else "")


def report(session: Session, feedbacks: Sequence[Feedback]) -> list[ServiceError | bool]:
    """Takes down many feedbacks in the caller's transaction; per feedback whether it was news (not a repeat), or why it is refused.

    The rows are locked while they are looked at, and written by compare-and-set, so that nobody's change is lost.
    """
    rows = _locked(session, sorted({feedback.action for feedback in feedbacks}))
    standings = {key: Standing(row.state, row.seq, row.cancel, row.revision, row.reason) for key, row in rows.items()}
    events: list[dict[str, Any]] = []
    answers = [_hear(rows, standings, feedback, events) for feedback in feedbacks]
    changed = {key: new for key, new in standings.items() if new.revision != rows[key].revision}
    if changed:
        _set(session, rows, changed)
        kept = [entry for entry in events if entry["seq"] <= MOST_EVENTS or entry["state"] in TERMINAL]
        if kept:
            session.execute(insert(ActionEvent), kept)
        touch(session, (rows[key].device_id for key, new in changed.items() if _answer_differs(rows[key], new)))
    return answers


def _locked(session: Session, ids: list[int]) -> dict[int, Any]:
    columns = (
        Action.id,
        Action.device_id,
        Action.state,
        Action.seq,
        Action.cancel,
        Action.revision,
        Action.reason,
        Action.build_id,
    )
    query = select(*columns).where(Action.id.in_(ids)).order_by(Action.id).with_for_update()
    return {row.id: row for row in session.execute(query)}


def _hear(
    rows: dict[int, Any], standings: dict[int, Standing], feedback: Feedback, events: list[dict[str, Any]]
) -> ServiceError | bool:
    row = rows.get(feedback.action)
    if row is None or row.device_id != feedback.device:
        return ServiceError(404, f"there is no action {feedback.action} for this device", "poll for what to do")
    if row.build_id is None:
        return ServiceError(409, f"action {feedback.action} was not offered yet", "poll for what to do")
    try:
        after = follow(standings[feedback.action], feedback)
    except ServiceError as refusal:
        return refusal
    if after is not None:
        standings[feedback.action] = after
        events.append(_event(feedback.action, after.revision, after.state, feedback.detail))
    return after is not None


def _event(action: int, revision: int, state: str, detail: str) -> dict[str, Any]:
    return {"action_id": action, "seq": revision, "at": now(), "state": state, "detail": detail[:_DETAIL]}


def _answer_differs(row: Any, new: Standing) -> bool:
    """Whether the device's poll answer may be another: progress alone changes nothing in it."""
    return new.state in TERMINAL or row.state == SCHEDULED or new.cancel != row.cancel


_SET = (
    update(Action)
    .where(Action.id == bindparam("key"), Action.revision == bindparam("was"))
    .values(
        state=bindparam("to"),
        open=bindparam("is_open"),
        cancel=bindparam("wanted_back"),
        seq=bindparam("heard"),
        revision=bindparam("now_at"),
        reason=bindparam("why"),
        changed_at=bindparam("at"),
    )
)


def _set(session: Session, rows: dict[int, Any], changed: dict[int, Standing]) -> None:
    at = now()
    values = [
        {
            "key": key,
            "was": rows[key].revision,
            "to": new.state,
            "is_open": new.state in OPEN,
            "wanted_back": new.cancel,
            "heard": new.seq,
            "now_at": new.revision,
            "why": new.reason,
            "at": at,
        }
        for key, new in sorted(changed.items())
    ]
    if session.connection().execute(_SET, values).rowcount != len(values):
        raise StaleDataError(
            "an action was changed in spite of its lock"
        )  # the whole batch is rolled back, and told 503


def move(session: Session, where: ColumnElement[bool], to: str, reason: str, most: int = PART) -> int:
    """Takes up to ``most`` actions that may go to ``to`` there; how many. Each gets its event, each device is told."""
    origins = [state for state, follows in TRANSITIONS.items() if to in follows]
    some = select(Action.id).where(where, Action.state.in_(origins)).order_by(Action.id).limit(most).with_for_update()
    change = (
        update(Action)
        .where(Action.id.in_(some.scalar_subquery()), Action.state.in_(origins))
        .values(
            state=to,
            open=to in OPEN,
            reason=reason if to in TERMINAL else "",
            revision=Action.revision + 1,
            changed_at=now(),
        )
    )
    return _record(session, change, reason)


def ask_back(session: Session, where: ColumnElement[bool], reason: str) -> int:
    """Cancels open actions: those never offered at once; of the others the device is asked, and its word decides. How many in all."""
    total = 0
    unseen = where & (Action.state == SCHEDULED) & (Action.revision == 1)
    while count := move(session, unseen, CANCELED, reason):
        total += count
    change = update(Action).where(where, Action.open, ~Action.cancel)
    return total + _record(session, change.values(cancel=True, revision=Action.revision + 1), reason)


def _record(session: Session, change: Any, detail: str) -> int:
    """Runs an UPDATE of actions, writes an event for each, tells the devices; how many."""
    returning = change.returning(Action.id, Action.device_id)
    rows = session.execute(returning, execution_options={"synchronize_session": False}).all()
    if rows:
        _tell_story(session, [row.id for row in rows], detail)
        touch(session, (row.device_id for row in rows))
    return len(rows)


def _tell_story(session: Session, ids: Iterable[int], detail: str) -> None:
    """An event for each action, as it stands now."""
    told = literal(now(), UtcDateTime()), literal(detail[:_DETAIL])
    for part in parts(ids, PART):
        rows = select(Action.id, Action.revision, Action.state, *told).where(Action.id.in_(part))
        columns = ["action_id", "seq", "state", "at", "detail"]
        session.execute(insert(ActionEvent).from_select(columns, rows, include_defaults=False))


def schedule(session: Session, rollout: int, model: int, stage: int, devices: Iterable[str]) -> int:
    """New actions for devices that have none in this rollout and no open one for this model; how many there are now."""
    at, made = now(), 0
    same: dict[str, Any] = {"rollout_id": rollout, "model_id": model, "stage": stage, "state": SCHEDULED, "open": True}
    same |= {"cancel": False, "seq": 0, "revision": 1, "reason": "", "errors": 0, "created_at": at, "changed_at": at}
    for part in parts(devices, PART):
        rows = select(
            Device.id, *(literal(value, Action.__table__.c[name].type) for name, value in same.items())
        ).where(Device.id.in_(part))
        new = insert_or_skip(session, Action).from_select(["device_id", *same], rows, include_defaults=False)
        ids = session.scalars(new.returning(Action.id)).all()
        _tell_story(session, ids, "")
        made += len(ids)
    return made
