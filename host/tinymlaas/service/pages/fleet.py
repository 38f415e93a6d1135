"""/: the fleet, one row per device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import devices
from ..api.deps import LINE, Here
from ..api.devices import device_shapes
from ..api.shapes import DeviceShape
from ..database import reading, writing
from ..tables import Action, Device, Membership, Model, now
from . import give, standing, words
from .enrolment import address_of
from .live import Part
from .render import page, part, slug
from .session import Operating, Visiting

router = APIRouter(include_in_schema=False)
ROWS = 50
_Text = Annotated[str, Query(pattern=LINE, max_length=64)]


@dataclass(frozen=True, slots=True)
class Look:
    """Which devices are looked at."""

    group: str
    q: str
    after: str


@router.get("/")
def fleet(request: Request, here: Here, who: Visiting, group: _Text = "", q: _Text = "", after: _Text = "") -> Response:
    """All devices, or those of a group or with a text in their name, in pages."""
    look = Look(group, q.strip(), after)
    with reading(here.engine) as session:
        rows = devices.listing(session, look.after, ROWS + 1, look.group, look.q)
        parts = [_summary(session), _list(session, rows[:ROWS], look)]
        more: dict[str, Any] = {
            "groups": session.scalars(select(Membership.group).distinct().order_by(Membership.group)).all(),
            "models": session.scalars(select(Model.name).order_by(Model.name)).all(),
            "targets": give.suggestions(session) if who.may("operator") else [],
            "gateways": sorted(devices.gateways(session).values()) if who.may("operator") else [],
            "first": not rows and look == Look("", "", ""),
            "next": rows[ROWS - 1].id if len(rows) > ROWS else None,
        }
    return page(request, who, "fleet.html", parts=parts, look=look, address=address_of(request), **more)


@router.post("/give")
def give_model(
    here: Here,
    who: Operating,
    model: Annotated[str, Form(max_length=64)] = "",
    version: Annotated[str, Form(pattern=r"^[0-9]{0,9}$")] = "",
    to: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Gives a model to a device or group; goes where one sees it arrive."""
    with writing(here.engine) as session:
        rollout = give.give(session, model, int(version) if version else None, to, who.name)
    return RedirectResponse(give.place(rollout), 303)


def _summary(session: Session) -> Part:
    total, run = session.execute(select(func.count(), func.count(Device.health_at)).select_from(Device)).one()
    busy = session.scalar(select(func.count(func.distinct(Action.device_id))).where(Action.open))
    return part("summary", "fleet_summary.html", total=total, run=run, busy=busy)


def _list(session: Session, rows: list[Device], look: Look) -> Part:
    ids = [row.id for row in rows]
    stands = standing.newest(session, ids)
    made = [_row(shape, stands.get(shape.id)) for shape in device_shapes(session, rows)]
    return part("devices", "fleet_list.html", made, empty=not rows, look=look)


def _row(device: DeviceShape, stands: standing.Standing | None) -> Part:
    said = words.of_device(stands, device.health, known=bool(device.profile))
    late = device.last_seen is not None and (now() - device.last_seen).total_seconds() > 900
    also = words.running(device.health) if device.health and words.running(device.health) not in said.text else ""
    return part(f"device-{slug(device.id)}", "fleet_row.html", device=device, said=said, also=also, late=late)
