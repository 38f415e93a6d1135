"""Devices as the operator sees them: enrolled, found, described."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from ..errors import ServiceError
from . import changes, tokens
from .tables import Action, CapabilitySet, Device, Membership, Model, Rollout, Token, Version, now


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A device to enrol: with a token of its own, or behind a gateway (the name of a gateway token)."""

    id: str
    name: str = ""
    groups: tuple[str, ...] = ()
    gateway: str | None = None


def enrol(session: Session, newcomer: Newcomer) -> str | None:
    """A new device; its token's text, None behind a gateway. ServiceError 409 when the id is taken."""
    if enrol_many(session, [newcomer.id], newcomer.groups, newcomer.gateway, newcomer.name) == 0:
        raise ServiceError(409, f"there is a device '{newcomer.id}'", "take another id, or make it a new token")
    if newcomer.gateway is not None:
        return None
    return tokens.renew_device(session, session.get_one(Device, newcomer.id))


def enrol_many(
    session: Session, ids: Sequence[str], groups: Collection[str], gateway: str | None, name: str = ""
) -> int:
    """Devices without a token of their own; those that exist are left as they are. How many are new."""
    gateway_id = None if gateway is None else _gateway(session, gateway)
    at = now()
    rows = [
        {"id": i, "name": name, "gateway_id": gateway_id, "revision": 1, "created_at": at} for i in dict.fromkeys(ids)
    ]
    new: list[str] = []
    for part in changes.parts(rows, 2000):
        insert = changes.insert_or_skip(session, Device).returning(Device.id)
        new += session.scalars(insert, part).all()
    members = [{"group": group, "device_id": device} for device in new for group in sorted(set(groups))]
    for some in changes.parts(members, 2000):
        session.execute(changes.insert_or_skip(session, Membership), some)
    changes.touch(session, new)
    return len(new)


def _gateway(session: Session, name: str) -> int:
    query = select(Token.id).where(Token.name == name, Token.role == "gateway", Token.revoked_at.is_(None))
    found = session.scalar(query)
    if found is None:
        raise ServiceError(422, f"there is no gateway token named '{name}'", "an admin makes one: POST /api/v1/tokens")
    return found


def get(session: Session, device: str) -> Device:
    """A device by id; ServiceError 404 when there is none."""
    found = session.get(Device, device)
    if found is None:
        raise ServiceError(404, f"there is no device '{device[:70]}'", "GET /api/v1/devices lists them")
    return found


def listing(session: Session, after: str, limit: int, group: str = "", words: str = "") -> list[Device]:
    """Devices by id, of one group or of all, whose id or name has ``words`` in it."""
    query: Select[Device] = select(Device).where(Device.id > after).order_by(Device.id).limit(limit)
    if group:
        query = query.join(Membership, Membership.device_id == Device.id).where(Membership.group == group)
    if words:
        query = query.where(
            or_(Device.id.contains(words, autoescape=True), Device.name.contains(words, autoescape=True))
        )
    return list(session.scalars(query))


def groups_of(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    """The groups of each device, sorted."""
    found: dict[str, list[str]] = {i: [] for i in ids}
    query = (
        select(Membership.device_id, Membership.group).where(Membership.device_id.in_(ids)).order_by(Membership.group)
    )
    for device, group in session.execute(query):
        found[device].append(group)
    return found


def sets_of(session: Session, hashes: Collection[str | None]) -> dict[str, CapabilitySet]:
    """Capability sets by their hash."""
    wanted = [h for h in set(hashes) if h]
    return {c.sha256: c for c in session.scalars(select(CapabilitySet).where(CapabilitySet.sha256.in_(wanted)))}


def gateways(session: Session) -> dict[int, str]:
    """Names of gateway tokens by row."""
    return dict(session.execute(select(Token.id, Token.name).where(Token.role == "gateway")).all())


def actions_of(session: Session, device: str, limit: int) -> list[tuple[Action, str, int]]:
    """The latest actions of a device, newest first, with model and version."""
    query = (
        select(Action, Model.name, Version.number)
        .join(Rollout, Action.rollout_id == Rollout.id)
        .join(Version, Rollout.version_id == Version.id)
        .join(Model, Version.model_id == Model.id)
        .where(Action.device_id == device)
        .order_by(Action.id.desc())
        .limit(limit)
    )
    return [(action, model, number) for action, model, number in session.execute(query)]
