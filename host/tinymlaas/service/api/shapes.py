"""What the API answers. Sizes in bytes, times in microseconds where a name says ``_us``, instants in ISO 8601 with UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Item = TypeVar("Item")


class Shape(BaseModel):
    """Read from table rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    """Some rows; ``next`` goes into ``after`` of the next request, null at the end."""

    items: list[Item]
    next: str | None = None


class ModelShape(Shape):
    """A model and its newest version's number."""

    name: str
    created_at: datetime
    newest: int


class VersionShape(Shape):
    """A version; ``facts`` is what ``tinymlaas inspect --json`` says of its portable module."""

    model: str
    number: int
    source_sha256: str
    source_bytes: int
    labels: list[str] | None
    note: str
    created_at: datetime
    created_by: str
    facts: dict[str, Any]


class Uploaded(BaseModel):
    """Name of the model and number of the new version."""

    model: str
    version: int


class BuildShape(Shape):
    """A version compiled for a profile; state: queued, running, unsigned, ready or failed."""

    id: int
    model: str
    version: int
    profile: str
    state: str
    module_sha256: str | None
    signed_sha256: str | None
    signed_bytes: int | None
    signer: str | None
    facts: dict[str, Any] | None
    trace: list[str] | None
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None


class VerdictShape(Shape):
    """Yes, or the bytes that are short (0: it is not a matter of bytes), the reason and the remedy."""

    fits: bool
    reason: str
    remedy: str
    short: int
    placement: str
    time_us: int | None
    basis: str


class FitRow(Shape):
    """A kind of board, or a set of capabilities that devices of the fleet have; verdict is null while a module is being made."""

    kind: str
    name: str
    title: str
    rfc7228_class: str
    devices: int
    build_id: int | None
    build_state: str
    verdict: VerdictShape | None


class DeviceShape(Shape):
    """A device and the last it said."""

    id: str
    name: str
    groups: list[str]
    gateway: str | None
    board: str
    rfc7228_class: str
    profile: str
    last_seen: datetime | None
    health: dict[str, Any] | None
    health_at: datetime | None
    created_at: datetime


class ActionShape(Shape):
    """A device's part in a rollout."""

    id: int
    rollout_id: int
    model: str
    version: int
    state: str
    open: bool
    reason: str
    created_at: datetime
    changed_at: datetime


class DeviceDetail(DeviceShape):
    """With everything it said of itself, and its latest actions, newest first."""

    capabilities: dict[str, Any] | None
    actions: list[ActionShape]


class Enrolled(BaseModel):
    """The token is shown this once; null for a device behind a gateway."""

    id: str
    token: str | None


class Secret(BaseModel):
    """A token's text, shown this once."""

    name: str
    role: str
    token: str


class TokenShape(Shape):
    """A token without its secret."""

    name: str
    role: str
    created_at: datetime
    revoked_at: datetime | None


class HistoryShape(BaseModel):
    """Capabilities that a device reported, and when."""

    reported_at: datetime
    sha256: str
    rfc7228_class: str
    capabilities: dict[str, Any]


class HealthShape(Shape):
    """A health report."""

    at: datetime
    body: dict[str, Any]


class GroupShape(BaseModel):
    """A group and how many devices are in it."""

    group: str
    devices: int


class KeyShape(Shape):
    """A release key that modules may be signed under; fingerprint as devices report it."""

    public_key: str
    fingerprint: str
    name: str
    lowest_epoch: int
    created_at: datetime


class WaitingShape(BaseModel):
    """What a signer needs to make the module again by itself, and the hash it must get."""

    build: int
    model: str
    version: int
    profile: str
    target: str
    labels: list[str] | None
    source_sha256: str
    module_sha256: str
    made_by: str


class AuditShape(Shape):
    """An entry of the audit log."""

    id: int
    at: datetime
    actor: str
    verb: str
    subject: str
    detail: dict[str, Any]
    previous: str
    sha256: str


class AuditVerdict(BaseModel):
    """Whether the chain of hashes holds; ``head`` is worth noting elsewhere."""

    ok: bool
    entries: int
    head: str
    broken: int | None


class Health(BaseModel):
    """The service is up."""

    status: str
    version: str
