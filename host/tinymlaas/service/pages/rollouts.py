"""/rollouts: all of them, and starting one; /rollouts/ID: how far it is, and what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...errors import ServiceError
from .. import catalogue
from .. import rollouts as desk
from ..actions import STATES
from ..api.deps import INT, Here
from ..api.rollouts import RolloutShape, shape
from ..database import reading, writing
from ..tables import Action, Membership, Model, Rollout
from . import standing, words
from .live import Part
from .render import page, part, slug
from .session import Operating, Visiting, Visitor

router = APIRouter(prefix="/rollouts", include_in_schema=False)
RolloutId = Annotated[int, Path(ge=1, le=INT)]
ROWS, PARTS = 30, 100
_Short = Annotated[str, Form(max_length=100)]
ORDER = ("confirmed", "testing", "downloaded", "downloading", "offered", "scheduled", "canceled", "rejected", "failed")
VERBS = {
    "waiting": ("approve",),
    "running": ("pause", "rollback"),
    "paused": ("resume", "rollback"),
    "stopped": ("resume", "rollback"),
    "finished": ("rollback",),
    "rolled-back": (),
}


@router.get("")
def listing(request: Request, here: Here, who: Visiting, before: Annotated[int, Query(ge=1, le=INT)] = INT) -> Response:
    """Newest first."""
    with reading(here.engine) as session:
        query = select(Rollout).where(Rollout.id < before).order_by(Rollout.id.desc()).limit(ROWS + 1)
        rows = session.scalars(query).all()
        made = [_row(shape(session, row)) for row in rows[:ROWS]]
        parts = [part("rollouts", "rollouts_list.html", made)]
        groups = select(Membership.group, func.count()).group_by(Membership.group).order_by(Membership.group)
        more: dict[str, Any] = {
            "groups": [(group, count) for group, count in session.execute(groups)],
            "models": session.scalars(select(Model.name).order_by(Model.name)).all(),
            "next": rows[ROWS - 1].id if len(rows) > ROWS else None,
        }
    return page(request, who, "rollouts.html", parts=parts, **more)


def plan_of(
    group: _Short = "",
    stages: _Short = "100",
    failed_percent: _Short = "",
    latency_ratio: _Short = "",
    errors: _Short = "",
    needs_approval: _Short = "",
) -> desk.Plan:
    """The form's plan; ServiceError 422 names what is wrong in it."""
    limits = {
        "failed_percent": _figure("the percent that may fail", failed_percent, 0, 100),
        "latency_ratio": _figure("the ratio of inference times", latency_ratio, 0.001, 1000),
        "errors": _figure("errors per device", errors, 0, 1e9),
    }
    return desk.Plan(group, parse_stages(stages), limits, bool(needs_approval))


@router.post("")
def start(
    here: Here,
    who: Operating,
    plan: Annotated[desk.Plan, Depends(plan_of)],
    model: _Short = "",
    version: _Short = "",
) -> Response:
    """Starts a rollout, or lays it before somebody who approves it."""
    number = _figure("the version", version, 1, INT)
    with writing(here.engine) as session:
        found = catalogue.version_of(session, model, int(number) if number else None)
        rollout = desk.create(session, found, plan, who.name)
    return RedirectResponse(f"/rollouts/{rollout.id}", 303)


def parse_stages(text: str) -> list[int]:
    """``5, 25, 100`` as numbers; ServiceError 422 for anything else. Whether they rise is seen to later."""
    words_in = re.split(r"[\s,;%]+", text.strip(" ,;%"))
    if not all(re.fullmatch(r"[0-9]{1,3}", word) for word in words_in) or len(words_in) > 20:
        raise ServiceError(
            422, f"'{text[:70]}' are no stages", "write percentages that rise to 100, such as 5, 25, 100"
        )
    return [int(word) for word in words_in]


def _figure(what: str, text: str, low: float, high: float) -> float | None:
    """A number from a form, None for an empty field; ServiceError 422 for anything else."""
    if not text.strip():
        return None
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,6})?", text.strip()) or not low <= float(text) <= high:
        raise ServiceError(
            422, f"{what}: '{text[:30]}' is no number from {low:g} to {high:g}", "correct it, or leave it empty"
        )
    return float(text)


@router.get("/{rollout}")
def show(
    request: Request,
    here: Here,
    who: Visiting,
    rollout: RolloutId,
    state: Annotated[str, Query(pattern=f"^({'|'.join(STATES)})?$")] = "",
    after: Annotated[int, Query(ge=0, le=INT)] = 0,
) -> Response:
    """One rollout: its stages, and its devices, those that went wrong first asked for."""
    with reading(here.engine) as session:
        found = shape(session, desk.get(session, rollout))
        rows = standing.of_rollout(session, rollout, [state] if state else STATES, after, PARTS + 1)
        parts = [*_state(session, found, who), _devices(rows[:PARTS])]
    more: dict[str, Any] = {
        "state": state,
        "states": STATES,
        "next": rows[PARTS - 1].action if len(rows) > PARTS else None,
    }
    return page(request, who, "rollout.html", parts=parts, rollout=found, limits=words.limits(found.limits), **more)


def _state(session: Session, rollout: RolloutShape, who: Visitor) -> list[Part]:
    verbs = VERBS[rollout.state] if who.may("operator") else ()
    stages = [_stage(rollout, number) for number in range(len(rollout.stages))]
    return [
        part("head", "rollout_head.html", rollout=rollout, said=words.of_rollout(rollout.state)),
        part("verbs", "rollout_verbs.html", rollout=rollout, verbs=verbs, csrf=who.csrf),
        part("stages", "rollout_stages.html", stages),
        part("reasons", "rollout_reasons.html", reasons=_reasons(session, rollout.id)),
    ]


@router.post("/{rollout}/{verb}")
def change(
    here: Here,
    who: Operating,
    rollout: RolloutId,
    verb: Annotated[str, Path(pattern="^(approve|pause|resume|rollback)$")],
    version: _Short = "",
) -> Response:
    """Approve, pause, resume, or roll back, which leads to the new rollout that does it."""
    number = _figure("the version", version, 1, INT)
    with writing(here.engine) as session:
        if verb == "rollback":
            found = desk.roll_back(session, rollout, who.name, int(number) if number else None)
        else:
            found = {"approve": desk.approve, "pause": desk.pause, "resume": desk.resume}[verb](
                session, rollout, who.name
            )
    here.work.set()
    return RedirectResponse(f"/rollouts/{found.id}", 303)


def _row(rollout: RolloutShape) -> Part:
    total = _total(rollout)
    return part(
        f"rollout-{rollout.id}",
        "rollouts_row.html",
        rollout=rollout,
        said=words.of_rollout(rollout.state),
        bar=bar(total),
        done=total["confirmed"],
        all=sum(total.values()),
    )


def _total(rollout: RolloutShape) -> Counter[str]:
    return sum((Counter(stage.states) for stage in rollout.stages), Counter())


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a bar 100 wide: a state, where it begins, how wide it is, how many it stands for."""

    state: str
    at: float
    width: float
    count: int


def bar(counts: dict[str, int]) -> list[Piece]:
    """Counts by state side by side, good ones first."""
    total, at, pieces = sum(counts.values()), 0.0, []
    for state in ORDER:
        if count := counts.get(state, 0):
            width = round(100 * count / total, 2)
            pieces.append(Piece(state, round(at, 2), width, count))
            at += width
    return pieces


def _stage(rollout: RolloutShape, number: int) -> Part:
    stage = rollout.stages[number]
    ended = number < rollout.stage or rollout.state == "finished"
    when = "done" if ended else "now" if number == rollout.stage else "to come"
    return part(f"stage-{number}", "rollout_stage.html", number=number, stage=stage, when=when, bar=bar(stage.states))


def _reasons(session: Session, rollout: int) -> list[tuple[str, str, int]]:
    """(state, reason, how many) of what went wrong, the most frequent first."""
    query = (
        select(Action.state, Action.reason, func.count())
        .where(Action.rollout_id == rollout, Action.state.in_(("failed", "rejected")))
        .group_by(Action.state, Action.reason)
        .order_by(func.count().desc())
        .limit(10)
    )
    return [(state, reason, count) for state, reason, count in session.execute(query)]


def _devices(rows: list[standing.Standing]) -> Part:
    made = [
        part(f"part-{slug(row.device)}", "rollout_device.html", action=row, said=words.of_action(row)) for row in rows
    ]
    return part("parts", "rollout_devices.html", made)
