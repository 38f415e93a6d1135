"""/devices: enrol, list, what they said, what they are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit, devices, tokens
from ..database import reading, writing
from ..tables import CapabilityReport, CapabilitySet, Device, HealthReport
from . import shapes
from .deps import DEVICE, GROUP, LINE, MOST_ROWS, Here, Line, Operator, Viewer, refusals

router = APIRouter(prefix="/devices", tags=["devices"])
DeviceId = Annotated[str, Path(pattern=DEVICE)]
_Id = Annotated[str, StringConstraints(pattern=DEVICE)]
_Group = Annotated[str, StringConstraints(pattern=GROUP)]
_Groups = Annotated[list[_Group], Field(max_length=32)]
BULK = 5000


class NewDevice(BaseModel):
    """An id that the device knows itself by; ``gateway``: name of the gateway token that speaks for it."""

    model_config = ConfigDict(extra="forbid")

    id: _Id
    name: Line = ""
    groups: _Groups = []
    gateway: _Group | None = None


class NewDevices(BaseModel):
    """Many devices behind one gateway."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[_Id], Field(min_length=1, max_length=BULK)]
    groups: _Groups = []
    gateway: _Group


class Added(BaseModel):
    """How many were new; the others were there already and are as they were."""

    added: int


@router.get("", responses=refusals())
def list_devices(
    here: Here,
    caller: Viewer,
    group: Annotated[str, Query(pattern=LINE, max_length=64)] = "",
    q: Annotated[str, Query(pattern=LINE, max_length=64, description="part of an id or a name")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    after: Annotated[str, Query(pattern=LINE, max_length=64)] = "",
) -> shapes.Page[shapes.DeviceShape]:
    """Devices by id."""
    with reading(here.engine) as session:
        rows = devices.listing(session, after, limit + 1, group, q)
        items = device_shapes(session, rows[:limit])
    return shapes.Page(items=items, next=items[-1].id if len(rows) > limit else None)


@router.post("", status_code=201, responses=refusals(409))
def enrol(here: Here, caller: Operator, body: NewDevice) -> shapes.Enrolled:
    """A new device; its token is in this answer and nowhere else."""
    with writing(here.engine) as session:
        secret = devices.enrol(session, devices.Newcomer(body.id, body.name, tuple(body.groups), body.gateway))
        audit.append(session, caller.name, "device.enrol", body.id, {"groups": body.groups, "gateway": body.gateway})
    return shapes.Enrolled(id=body.id, token=secret)


@router.post("/bulk", status_code=201, responses=refusals())
def enrol_many(here: Here, caller: Operator, body: NewDevices) -> Added:
    """Many devices behind a gateway at once; known ones stay as they are."""
    with writing(here.engine) as session:
        added = devices.enrol_many(session, body.ids, body.groups, body.gateway)
        audit.append(session, caller.name, "device.bulk", body.gateway, {"added": added, "groups": body.groups})
    return Added(added=added)


@router.get("/{device}", responses=refusals(404))
def get_device(here: Here, caller: Viewer, device: DeviceId) -> shapes.DeviceDetail:
    """A device, what it is, and its latest actions."""
    with reading(here.engine) as session:
        return device_detail(session, devices.get(session, device))


@router.delete("/{device}", status_code=204, response_class=Response, responses=refusals(404))
def forget(here: Here, caller: Operator, device: DeviceId) -> Response:
    """Removes a device with all that is known of it; its token ends."""
    with writing(here.engine) as session:
        session.delete(devices.get(session, device))
        audit.append(session, caller.name, "device.delete", device)
    return Response(status_code=204)


@router.post("/{device}/token", status_code=201, responses=refusals(404))
def renew_token(here: Here, caller: Operator, device: DeviceId) -> shapes.Enrolled:
    """A new token; the old one ends at once."""
    with writing(here.engine) as session:
        secret = tokens.renew_device(session, devices.get(session, device))
        audit.append(session, caller.name, "device.token", device)
    return shapes.Enrolled(id=device, token=secret)


@router.get("/{device}/history", responses=refusals(404))
def history(
    here: Here, caller: Viewer, device: DeviceId, limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100
) -> list[shapes.HistoryShape]:
    """What the device said it is, newest first."""
    query = (
        select(CapabilityReport.reported_at, CapabilitySet)
        .join(CapabilitySet, CapabilityReport.sha256 == CapabilitySet.sha256)
        .where(CapabilityReport.device_id == device)
        .order_by(CapabilityReport.id.desc())
        .limit(limit)
    )
    with reading(here.engine) as session:
        devices.get(session, device)
        return [_history_shape(at, said) for at, said in session.execute(query)]


@router.get("/{device}/health", responses=refusals(404))
def health(
    here: Here, caller: Viewer, device: DeviceId, limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100
) -> list[shapes.HealthShape]:
    """Its health reports, newest first."""
    query = select(HealthReport).where(HealthReport.device_id == device).order_by(HealthReport.id.desc()).limit(limit)
    with reading(here.engine) as session:
        devices.get(session, device)
        return [shapes.HealthShape.model_validate(row) for row in session.scalars(query)]


def device_shapes(session: Session, rows: list[Device]) -> list[shapes.DeviceShape]:
    """For JSON; three queries for any number of devices."""
    groups = devices.groups_of(session, [d.id for d in rows])
    sets, gateways = devices.sets_of(session, {d.capabilities for d in rows}), devices.gateways(session)
    return [_device_shape(d, groups[d.id], sets.get(d.capabilities or ""), gateways) for d in rows]


def _device_shape(
    device: Device, groups: list[str], said: CapabilitySet | None, gateways: dict[int, str]
) -> shapes.DeviceShape:
    return shapes.DeviceShape(
        id=device.id,
        name=device.name,
        groups=groups,
        gateway=gateways.get(device.gateway_id or 0),
        board=said.body["board"] if said else "",
        rfc7228_class=said.rfc7228_class if said else "",
        profile=said.profile if said else "",
        last_seen=device.last_seen,
        health=device.health,
        health_at=device.health_at,
        created_at=device.created_at,
    )


def device_detail(session: Session, device: Device) -> shapes.DeviceDetail:
    """For JSON: one device with capabilities and actions."""
    said = devices.sets_of(session, {device.capabilities}).get(device.capabilities or "")
    actions = [
        shapes.ActionShape.model_validate(
            {**{k: getattr(a, k) for k in shapes.ActionShape.model_fields if k not in ("model", "version")}}
            | {"model": model, "version": number}
        )
        for a, model, number in devices.actions_of(session, device.id, 50)
    ]
    shape = device_shapes(session, [device])[0]
    return shapes.DeviceDetail(**shape.model_dump(), capabilities=said.body if said else None, actions=actions)


def _history_shape(at: object, said: CapabilitySet) -> shapes.HistoryShape:
    return shapes.HistoryShape.model_validate(
        {"reported_at": at, "sha256": said.sha256, "rfc7228_class": said.rfc7228_class, "capabilities": said.body}
    )
