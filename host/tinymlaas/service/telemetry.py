"""What devices say of their health: the last report, the newest 500 for charts, and how a new version compares with the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from ..errors import ServiceError
from .tables import Action, Device, HealthReport, Model, Rollout, Version, now

KEPT = 500  # reports of each device
_Count = Annotated[int, Field(ge=0, le=1 << 53)]


class Health(BaseModel):
    """The JSON object of the device protocol; times in microseconds and seconds, sizes in bytes. Unknown fields are left out."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    model: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    version: Annotated[int, Field(ge=0, le=1 << 31)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    selftest: bool | None = None
    inference_us: _Count | None = None
    heap_free: _Count | None = None
    uptime_s: _Count | None = None
    runs: _Count | None = None
    errors: Annotated[int, Field(ge=0, le=1 << 31)] = 0


def parse(data: Any) -> dict[str, Any]:
    """A checked report; ServiceError 422 names the first field that is wrong."""
    try:
        return Health.model_validate(data).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:32] for part in first["loc"]) or "health"
        raise ServiceError(422, f"health: {where}: {first['msg']}", "update tinyml on the device") from error


def record(session: Session, reports: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Keeps checked reports, (device, report) in order of arrival, in the caller's transaction."""
    devices = sorted({device for device, _ in reports})
    query = select(Device.id, Device.health).where(Device.id.in_(devices)).order_by(Device.id).with_for_update()
    known: dict[str, Any] = {row.id: row.health for row in session.execute(query)}
    reports = [(device, body) for device, body in reports if device in known]  # one may have been deleted meanwhile
    if not reports:
        return
    at = now()
    for device, body in reports:
        known[device] = compare(known[device], body)
    session.execute(insert(HealthReport), [{"device_id": device, "at": at, "body": body} for device, body in reports])
    last = [{"key": device, "body": known[device], "at": at} for device in known]
    session.connection().execute(_LAST, last)
    session.connection().execute(_PRUNE, [{"key": device} for device in known])
    _tell_actions(session, {device: body for device, body in known.items() if body})


_LAST = update(Device).where(Device.id == bindparam("key")).values(health=bindparam("body"), health_at=bindparam("at"))
_OLDEST_KEPT = (
    select(HealthReport.id)
    .where(HealthReport.device_id == bindparam("key"))
    .order_by(HealthReport.id.desc())
    .offset(KEPT)
    .limit(1)
    .scalar_subquery()
)
_PRUNE = delete(HealthReport).where(HealthReport.device_id == bindparam("key"), HealthReport.id <= _OLDEST_KEPT)


def compare(before: dict[str, Any] | None, report: dict[str, Any]) -> dict[str, Any]:
    """The report, with what is kept beside it: per model the version, its inference time, and that of the version before it.

    ``latency`` is ``{model: [version, inference_us, before_us]}``; times that are not known are None.
    """
    kept: dict[str, list[Any]] = dict((before or {}).get("latency", {}))
    version, time, older = kept.get(report["model"], [report["version"], None, None])
    if version != report["version"]:
        older = time or older
    kept[report["model"]] = [report["version"], report.get("inference_us"), older]
    if len(kept) > 16:  # no device runs so many; a hostile one could name them
        kept.pop(next(iter(kept)))
    return {**report, "latency": kept}


def ratio(health: dict[str, Any]) -> float | None:
    """New inference time to that of the version before, of the model that was reported last."""
    _, time, older = health["latency"][health["model"]]
    return time / older if time and older else None


def _tell_actions(session: Session, last: dict[str, dict[str, Any]]) -> None:
    """Errors and slowness of a version are looked for in the actions that brought it."""
    query = (
        select(Action.id, Action.device_id, Model.name, Version.number)
        .join(Rollout, Action.rollout_id == Rollout.id)
        .join(Version, Rollout.version_id == Version.id)
        .join(Model, Version.model_id == Model.id)
        .where(Action.device_id.in_(last), Action.state == "confirmed")
        .order_by(Action.id)
    )
    newest = {(row.device_id, row.name, row.number): row.id for row in session.execute(query)}
    found = ((newest.get((device, body["model"], body["version"])), body) for device, body in last.items())
    values = [{"key": key, "count": body["errors"], "slower": ratio(body)} for key, body in found if key is not None]
    if values:
        session.connection().execute(_ON_ACTION, sorted(values, key=lambda value: value["key"]))


_ON_ACTION = (
    update(Action)
    .where(Action.id == bindparam("key"))
    .values(errors=bindparam("count"), latency_ratio=bindparam("slower"))
)
