"""Giving a model to a device or to a group, as forms ask for it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...errors import ServiceError
from .. import catalogue, rollouts
from ..tables import Device, Membership, Rollout

MOST_SUGGESTED = 200


def give(session: Session, model: str, version: int | None, to: str, actor: str) -> Rollout:
    """A rollout of a version (the newest without one) to whatever ``to`` names; ServiceError 404 or 409 when that is nothing, or two."""
    kind, name = target(session, to)
    found = catalogue.version_of(session, model, version)
    if kind == "device":
        return rollouts.assign(session, name, found, actor)
    return rollouts.create(session, found, rollouts.Plan(name), actor)


def place(rollout: Rollout) -> str:
    """The page where one sees it arrive."""
    return f"/devices/{rollout.device}" if rollout.device else f"/rollouts/{rollout.id}"


def target(session: Session, to: str) -> tuple[str, str]:
    """("device" or "group", name) of a text such as ``lab``, ``group:lab`` or ``device:lab``."""
    prefix, colon, name = to.strip().partition(":")
    kinds = [prefix] if colon and prefix in _EXISTS else list(_EXISTS)
    name = name.strip() if len(kinds) == 1 else to.strip()
    found = [kind for kind in kinds if session.scalar(_EXISTS[kind].where(_COLUMN[kind] == name).limit(1)) is not None]
    if not found:
        raise ServiceError(
            404, f"there is no device or group '{name[:70]}'", "choose one of those that the field suggests"
        )
    if len(found) > 1:
        raise ServiceError(
            409, f"'{name[:70]}' is a device and a group", f"write device:{name[:70]} or group:{name[:70]}"
        )
    return found[0], name


def suggestions(session: Session) -> list[tuple[str, str]]:
    """(what to type, what it is) of groups and of the first devices."""
    groups = session.scalars(select(Membership.group).distinct().order_by(Membership.group).limit(MOST_SUGGESTED))
    devices = session.scalars(select(Device.id).order_by(Device.id).limit(MOST_SUGGESTED))
    return [*((f"group:{group}", "group") for group in groups), *((device, "device") for device in devices)]


_COLUMN = {"device": Device.id, "group": Membership.group}
_EXISTS = {"device": select(Device.id), "group": select(Membership.group)}
