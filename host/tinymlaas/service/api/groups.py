"""/groups: devices that get the same rollouts. A group exists while it has members."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy import func, select

from ...errors import ServiceError
from .. import audit
from ..database import reading, writing
from ..devices import get as device_of
from ..tables import Membership
from . import shapes
from .deps import DEVICE, GROUP, Here, Operator, Viewer, refusals

router = APIRouter(prefix="/groups", tags=["groups"])
Group = Annotated[str, Path(pattern=GROUP)]
DeviceId = Annotated[str, Path(pattern=DEVICE)]


@router.get("", responses=refusals())
def list_groups(here: Here, caller: Viewer) -> list[shapes.GroupShape]:
    """All groups by name."""
    query = select(Membership.group, func.count()).group_by(Membership.group).order_by(Membership.group)
    with reading(here.engine) as session:
        return [shapes.GroupShape(group=group, devices=count) for group, count in session.execute(query)]


@router.put("/{group}/devices/{device}", status_code=204, response_class=Response, responses=refusals(404, 409))
def join(here: Here, caller: Operator, group: Group, device: DeviceId) -> Response:
    """Puts a device into a group; nothing changes when it is there already."""
    with writing(here.engine) as session:
        device_of(session, device)
        if session.get(Membership, (group, device)) is None:
            session.add(Membership(group=group, device_id=device))
            audit.append(session, caller.name, "group.join", group, {"device": device})
    return Response(status_code=204)


@router.delete("/{group}/devices/{device}", status_code=204, response_class=Response, responses=refusals(404))
def leave(here: Here, caller: Operator, group: Group, device: DeviceId) -> Response:
    """Takes a device out of a group; what it runs stays."""
    with writing(here.engine) as session:
        found = session.get(Membership, (group, device))
        if found is None:
            raise ServiceError(404, f"'{device}' is not in group '{group}'", "GET /api/v1/groups lists groups")
        session.delete(found)
        audit.append(session, caller.name, "group.leave", group, {"device": device})
    return Response(status_code=204)
