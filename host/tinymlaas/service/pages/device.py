"""/devices/ID: what it is and was, what it was given, how it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit, devices, tokens
from ..api.deps import GROUP, LINE, Here
from ..api.devices import device_shapes
from ..database import reading, writing
from ..tables import ActionEvent, CapabilityReport, CapabilitySet, Device, HealthReport, Membership, Model
from . import charts, standing, words
from .live import Part
from .render import page, part, size
from .session import Administering, Operating, Visiting

router = APIRouter(prefix="/devices", include_in_schema=False)
DeviceId = Annotated[str, Path(pattern=LINE, max_length=64)]
_Group = Annotated[str, Form(pattern=GROUP)]
ACTIONS, HISTORY, REPORTS = 10, 20, 200  # shown


@router.get("/{device}")
def show(request: Request, here: Here, who: Visiting, device: DeviceId) -> Response:
    """One device."""
    with reading(here.engine) as session:
        found = devices.get(session, device)
        shape = device_shapes(session, [found])[0]
        stands = standing.of_device(session, device, ACTIONS)
        parts = [
            _now(found, stands),
            _actions(session, stands),
            _health(session, device),
            _capabilities(session, found),
        ]
        models = session.scalars(select(Model.name).order_by(Model.name)).all()
    return page(request, who, "device.html", parts=parts, device=shape, models=models)


@router.post("/{device}/token")
def renew_token(request: Request, here: Here, who: Administering, device: DeviceId) -> Response:
    """A new token, shown on the answer only; the old one ends at once."""
    with writing(here.engine) as session:
        secret = tokens.renew_device(session, devices.get(session, device))
        audit.append(session, who.name, "device.token", device)
    return page(request, who, "token.html", device=device, secret=secret)


@router.post("/{device}/groups/join")
def join(here: Here, who: Operating, device: DeviceId, group: _Group) -> Response:
    """Puts it into a group."""
    with writing(here.engine) as session:
        devices.get(session, device)
        if session.get(Membership, (group, device)) is None:
            session.add(Membership(group=group, device_id=device))
            audit.append(session, who.name, "group.join", group, {"device": device})
    return _back(device)


@router.post("/{device}/groups/leave")
def leave(here: Here, who: Operating, device: DeviceId, group: _Group) -> Response:
    """Takes it out of a group; what it runs stays."""
    with writing(here.engine) as session:
        found = session.get(Membership, (group, device))
        if found is not None:
            session.delete(found)
            audit.append(session, who.name, "group.leave", group, {"device": device})
    return _back(device)


def _back(device: str) -> Response:
    return RedirectResponse(f"/devices/{device}", 303)


def _now(device: Device, stands: Sequence[standing.Standing]) -> Part:
    said = words.of_device(stands[0] if stands else None, device.health, known=device.capabilities is not None)
    return part("now", "device_now.html", device=device, said=said, tested=words.tested(device.health))


def _actions(session: Session, stands: Sequence[standing.Standing]) -> Part:
    events: dict[int, list[ActionEvent]] = {one.action: [] for one in stands}
    query = (
        select(ActionEvent).where(ActionEvent.action_id.in_(events)).order_by(ActionEvent.action_id, ActionEvent.seq)
    )
    for event in session.scalars(query):
        events[event.action_id].append(event)
    made = [
        part(
            f"action-{one.action}",
            "device_action.html",
            action=one,
            said=words.of_action(one),
            events=[(event, _told(event, one)) for event in _merged(events[one.action])],
        )
        for one in stands
    ]
    return part("actions", "device_actions.html", made)


def _told(event: ActionEvent, action: standing.Standing) -> str:
    """The reason of the end stands above already."""
    again = event.detail == action.reason and action.state in ("failed", "rejected", "canceled")
    return words.event(event.state, "" if again else event.detail)


def _merged(events: Sequence[ActionEvent]) -> list[ActionEvent]:
    """Of a run of progress reports the last one."""
    following = [*events[1:], None]
    return [one for one, after in zip(events, following, strict=True) if not after or after.state != one.state]


def _health(session: Session, device: str) -> Part:
    query = (
        select(HealthReport.at, HealthReport.body)
        .where(HealthReport.device_id == device)
        .order_by(HealthReport.id.desc())
        .limit(REPORTS)
    )
    reports = [(at, body) for at, body in session.execute(query)][::-1]
    return part("health", "device_health.html", charts=charts.health(reports))


def _capabilities(session: Session, device: Device) -> Part:
    query = (
        select(CapabilityReport.reported_at, CapabilitySet)
        .join(CapabilitySet, CapabilityReport.sha256 == CapabilitySet.sha256)
        .where(CapabilityReport.device_id == device.id)
        .order_by(CapabilityReport.id.desc())
        .limit(HISTORY)
    )
    reports = [(at, said.body, said.rfc7228_class) for at, said in session.execute(query)]
    history = [(later[0], _changes(earlier[1], later[1])) for later, earlier in pairwise(reports)]
    return part("capabilities", "device_capabilities.html", latest=reports[0] if reports else None, history=history)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(field, before, after) of every field that differs, in words."""
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return [
        (_SPOKEN.get(name) or name.replace("_", " "), _value(name, before.get(name)), _value(name, after.get(name)))
        for name in names
    ]


def _value(name: str, value: Any) -> str:
    if value is None or value == "":
        return "all" if name == "operators" else "nothing"
    if name in _BYTES:
        return size(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value / 1e6:g} MHz" if name == "clock_hz" else str(value)


_BYTES = ("heap_free", "heap_block", "flash_free", "romfs_free", "ram")
_SPOKEN = {"clock_hz": "clock", "heap_block": "largest block of heap", "rfc7228_class": "class"}
