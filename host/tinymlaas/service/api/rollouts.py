"""/rollouts: start, watch, stop, take back. And /devices/{device}/assign: the same for one device."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ...errors import ServiceError
from .. import catalogue, rollouts
from ..actions import STATES
from ..database import reading, writing
from ..tables import Action, ActionEvent, Rollout
from . import shapes
from .deps import DEVICE, GROUP, INT, MOST_ROWS, Here, Operator, Viewer, refusals

router = APIRouter(tags=["rollouts"])
RolloutId = Annotated[int, Path(ge=1, le=INT)]
DeviceId = Annotated[str, Path(pattern=DEVICE)]
_Model = Annotated[str, StringConstraints(pattern=catalogue.NAME)]
_Number = Annotated[int, Field(ge=1, le=INT)]
_States = "|".join(("waiting", "running", "paused", "stopped", "finished", "rolled-back"))


class Limits(BaseModel):
    """Past any of these a rollout stops by itself; null: no limit."""

    model_config = ConfigDict(extra="forbid")

    failed_percent: Annotated[float, Field(ge=0, le=100, description="of a stage's devices")] | None = None
    latency_ratio: Annotated[float, Field(gt=0, le=1000, description="median, to the version before")] | None = None
    errors: Annotated[float, Field(ge=0, le=1e9, description="of inference, mean per device")] | None = None
    absent_s: (
        Annotated[float, Field(ge=1, le=1e8, description="a device unseen for so long holds up nothing")] | None
    ) = None

    def given(self) -> dict[str, float | None]:
        """Those that were named, null ones too."""
        return self.model_dump(exclude_unset=True)


class NewRollout(BaseModel):
    """Stages are cumulative percent of the group's devices, the last 100."""

    model_config = ConfigDict(extra="forbid")

    model: _Model
    version: _Number | None = None
    group: Annotated[str, StringConstraints(pattern=GROUP)]
    stages: Annotated[list[Annotated[int, Field(ge=1, le=100)]], Field(min_length=1, max_length=20)] = [100]
    limits: Limits = Limits()
    needs_approval: bool = False


class Assignment(BaseModel):
    """A model for one device; the newest version without one."""

    model_config = ConfigDict(extra="forbid")

    model: _Model
    version: _Number | None = None


class Resumption(BaseModel):
    """Other limits, where the old ones would stop it again."""

    model_config = ConfigDict(extra="forbid")

    limits: Limits = Limits()


class WayBack(BaseModel):
    """The version whose source to go back to; without, the newest that ran and was never stopped."""

    model_config = ConfigDict(extra="forbid")

    version: _Number | None = None


class StageShape(BaseModel):
    """A stage: percent of the group, and its actions by state."""

    percent: int
    states: dict[str, int]


class RolloutShape(BaseModel):
    """A rollout; ``stage``: index of the one under way, -1 before the first; ``reason``: why it is stopped or paused."""

    id: int
    model: str
    version: int
    group: str
    device: str | None
    state: str
    stage: int
    stages: list[StageShape]
    limits: dict[str, float | None]
    reason: str
    rolled_back_by: int | None
    created_at: datetime
    created_by: str


class PartShape(shapes.Shape):
    """One device's part in a rollout."""

    id: int
    device_id: str
    stage: int
    state: str
    open: bool
    cancel: bool
    reason: str
    health: dict[str, Any] | None
    errors: int
    latency_ratio: float | None
    changed_at: datetime


class EventShape(shapes.Shape):
    """A change of an action."""

    seq: int
    at: datetime
    state: str
    detail: str


class PartDetail(PartShape):
    """With everything that happened."""

    events: list[EventShape]


@router.get("/rollouts", responses=refusals())
def list_rollouts(
    here: Here,
    caller: Viewer,
    state: Annotated[str, Query(pattern=f"^({_States})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    before: Annotated[int, Query(ge=1, le=INT)] = INT,
) -> shapes.Page[RolloutShape]:
    """Newest first; ``next`` goes into ``before``."""
    query = select(Rollout).where(Rollout.id < before).order_by(Rollout.id.desc()).limit(limit + 1)
    with reading(here.engine) as session:
        rows = session.scalars(query.where(Rollout.state == state) if state else query).all()
        items = [shape(session, row) for row in rows[:limit]]
    return shapes.Page(items=items, next=str(items[-1].id) if len(rows) > limit else None)


@router.post("/rollouts", status_code=201, responses=refusals(404, 409))
def start(here: Here, caller: Operator, body: NewRollout) -> RolloutShape:
    """Starts a rollout, or lays it before somebody who approves it."""
    plan = rollouts.Plan(body.group, body.stages, body.limits.given(), body.needs_approval)
    with writing(here.engine) as session:
        version = catalogue.version_of(session, body.model, body.version)
        return shape(session, rollouts.create(session, version, plan, caller.name))


@router.post("/devices/{device}/assign", status_code=201, responses=refusals(404))
def assign(here: Here, caller: Operator, device: DeviceId, body: Assignment) -> RolloutShape:
    """Gives one device a model."""
    with writing(here.engine) as session:
        version = catalogue.version_of(session, body.model, body.version)
        return shape(session, rollouts.assign(session, device, version, caller.name))


@router.get("/rollouts/{rollout}", responses=refusals(404))
def get_rollout(here: Here, caller: Viewer, rollout: RolloutId) -> RolloutShape:
    """One rollout, its actions counted."""
    with reading(here.engine) as session:
        return shape(session, rollouts.get(session, rollout))


@router.get("/rollouts/{rollout}/actions", responses=refusals(404))
def list_actions(
    here: Here,
    caller: Viewer,
    rollout: RolloutId,
    state: Annotated[str, Query(pattern=f"^({'|'.join(STATES)})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    after: Annotated[int, Query(ge=0, le=INT)] = 0,
) -> shapes.Page[PartShape]:
    """The devices' parts by number of action, in one state or in all."""
    query: Select[Action] = select(Action).where(Action.rollout_id == rollout, Action.id > after)
    query = query.where(Action.state == state) if state else query
    with reading(here.engine) as session:
        rollouts.get(session, rollout)
        rows = session.scalars(query.order_by(Action.id).limit(limit + 1)).all()
        items = [PartShape.model_validate(row) for row in rows[:limit]]
    return shapes.Page(items=items, next=str(items[-1].id) if len(rows) > limit else None)


@router.get("/rollouts/{rollout}/actions/{device}", responses=refusals(404))
def get_action(here: Here, caller: Viewer, rollout: RolloutId, device: DeviceId) -> PartDetail:
    """One device's part, with everything that happened."""
    with reading(here.engine) as session:
        row = session.scalar(select(Action).where(Action.rollout_id == rollout, Action.device_id == device))
        if row is None:
            raise ServiceError(404, f"'{device}' has no part in rollout {rollout}", "its stage may be still to come")
        events = session.scalars(select(ActionEvent).where(ActionEvent.action_id == row.id).order_by(ActionEvent.seq))
        told = [EventShape.model_validate(event) for event in events]
        return PartDetail(**PartShape.model_validate(row).model_dump(), events=told)


@router.post("/rollouts/{rollout}/approve", responses=refusals(404, 409))
def approve(here: Here, caller: Operator, rollout: RolloutId) -> RolloutShape:
    """Lets a rollout that waits for it run."""
    with writing(here.engine) as session:
        return shape(session, rollouts.approve(session, rollout, caller.name))


@router.post("/rollouts/{rollout}/pause", responses=refusals(404, 409))
def pause(here: Here, caller: Operator, rollout: RolloutId) -> RolloutShape:
    """No device begins any more; those that have begun go on."""
    with writing(here.engine) as session:
        return shape(session, rollouts.pause(session, rollout, caller.name))


@router.post("/rollouts/{rollout}/resume", responses=refusals(404, 409))
def resume(here: Here, caller: Operator, rollout: RolloutId, body: Resumption | None = None) -> RolloutShape:
    """Goes on after a pause or a stop."""
    limits = body.limits.given() if body else {}
    with writing(here.engine) as session:
        return shape(session, rollouts.resume(session, rollout, caller.name, limits))


@router.post("/rollouts/{rollout}/rollback", responses=refusals(404, 409))
def roll_back(here: Here, caller: Operator, rollout: RolloutId, body: WayBack | None = None) -> RolloutShape:
    """Cancels what is open and brings an older version's source back to the devices that changed; the answer is that new rollout."""
    with writing(here.engine) as session:
        back = rollouts.roll_back(session, rollout, caller.name, body.version if body else None)
        answer = shape(session, back)
    here.work.set()
    return answer


def shape(session: Session, rollout: Rollout) -> RolloutShape:
    """For JSON."""
    counts = {entry["stage"]: entry["states"] for entry in rollouts.counts(session, rollout.id)}
    stages = [StageShape(percent=p, states=counts.get(number, {})) for number, p in enumerate(rollout.stages)]
    names = {"model": rollout.version.model.name, "version": rollout.version.number, "stages": stages}
    columns = {name: getattr(rollout, name) for name in RolloutShape.model_fields if name not in names}
    return RolloutShape.model_validate({**columns, **names})
