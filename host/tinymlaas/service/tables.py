"""The schema: the one source of every table. A change here needs a migration (``migrations/``); a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC, also on databases that store naive ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To UTC; a naive datetime is a mistake of ours."""
        if value is not None and value.tzinfo is None:
            raise ValueError("naive datetime")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Aware again."""
        return value and value.replace(tzinfo=value.tzinfo or UTC)


def now() -> datetime:
    """The current time, aware."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Names constraints, so that migrations can refer to them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class Model(Base):
    """A model by name; its versions count from 1, and a version's number is its release counter on devices."""

    __tablename__ = "model"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    versions: Mapped[list[Version]] = relationship(back_populates="model", order_by="Version.number")


class Version(Base):
    """An uploaded .tflite; its bytes lie in the store under ``source/<sha256>``."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("model_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"))
    number: Mapped[int]
    source_sha256: Mapped[str] = mapped_column(String(64))
    source_bytes: Mapped[int]
    labels: Mapped[list[Any] | None]
    note: Mapped[str] = mapped_column(Text, default="")
    facts: Mapped[dict[str, Any]]  # what `inspect` says of the portable module: operators, MACs, arena, sizes
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str] = mapped_column(String(64))
    model: Mapped[Model] = relationship(back_populates="versions")
    builds: Mapped[list[Build]] = relationship(back_populates="version")


class Build(Base):
    """A version compiled for a profile. The module lies in the store under ``module/<sha256>``, signed ones under their own."""

    __tablename__ = "build"
    __table_args__ = (UniqueConstraint("version_id", "profile"), Index("ix_build_state", "state"))
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    profile: Mapped[str] = mapped_column(String(128))  # capabilities.Profile as text
    state: Mapped[str] = mapped_column(String(16), default="queued")  # queued, running, unsigned, ready, failed
    module_sha256: Mapped[str | None] = mapped_column(String(64))  # as compiled, without signature
    signed_sha256: Mapped[str | None] = mapped_column(String(64))
    signed_bytes: Mapped[int | None]
    signer: Mapped[str | None] = mapped_column(String(64))  # public key, hex
    facts: Mapped[dict[str, Any] | None]  # arena, scratch, module bytes, predicted cost
    trace: Mapped[list[Any] | None]  # why this target, why these kernels: lines of text
    error: Mapped[str | None] = mapped_column(Text)
    worker: Mapped[str | None] = mapped_column(
        String(64)
    )  # who compiles it now, and until when it is believed to be alive
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    version: Mapped[Version] = relationship(back_populates="builds")


class CapabilitySet(Base):
    """What devices say of themselves, once per distinct content."""

    __tablename__ = "capability_set"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[dict[str, Any]]
    profile: Mapped[str] = mapped_column(String(128))
    rfc7228_class: Mapped[str] = mapped_column(String(8))


class Device(Base):
    """A device; ``revision`` changes whenever its poll answer may have."""

    __tablename__ = "device"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), default="")
    token_sha256: Mapped[str | None] = mapped_column(String(64))
    gateway_id: Mapped[int | None] = mapped_column(ForeignKey("token.id"))  # the gateway that may speak for it
    capabilities: Mapped[str | None] = mapped_column(ForeignKey("capability_set.sha256"), index=True)
    revision: Mapped[int] = mapped_column(default=1)
    last_seen: Mapped[datetime | None]
    health: Mapped[dict[str, Any] | None]  # the last report: model, version, selftest, inference_us, heap_free, errors
    health_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class CapabilityReport(Base):
    """The history of what a device said it is."""

    __tablename__ = "capability_report"
    __table_args__ = (Index("ix_capability_report_device_id_id", "device_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(ForeignKey("capability_set.sha256"))
    reported_at: Mapped[datetime] = mapped_column(default=now)


class HealthReport(Base):
    """Telemetry of a device, for charts; the newest 500 of each device are kept."""

    __tablename__ = "health_report"
    __table_args__ = (Index("ix_health_report_device_id_id", "device_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(default=now)
    body: Mapped[dict[str, Any]]


class Membership(Base):
    """Devices of a group; a group exists while it has members."""

    __tablename__ = "membership"
    group: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), primary_key=True, index=True)


class Rollout(Base):
    """A version for a group, in stages of percent."""

    __tablename__ = "rollout"
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    group: Mapped[str] = mapped_column(String(64))  # "" for a single device's assignment
    device: Mapped[str | None] = mapped_column(String(64))  # which one then
    state: Mapped[str] = mapped_column(
        String(16)
    )  # waiting (for approval), running, paused, stopped, finished, rolled-back
    stages: Mapped[list[Any]]  # cumulative percent, ascending, the last 100
    stage: Mapped[int] = mapped_column(default=-1)  # index of the stage under way
    limits: Mapped[dict[str, Any]]  # failed_percent, latency_ratio, errors
    cutoffs: Mapped[list[Any]] = mapped_column(default=list)  # per stage begun: the largest draw that takes part
    look_at: Mapped[datetime | None]  # when to look for new members again; None: at once
    reason: Mapped[str] = mapped_column(Text, default="")  # why it was stopped
    rolled_back_by: Mapped[int | None] = mapped_column(ForeignKey("rollout.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str] = mapped_column(String(64))
    version: Mapped[Version] = relationship()


class Action(Base):
    """One device's part in a rollout. Terminal states never change."""

    __tablename__ = "action"
    __table_args__ = (
        UniqueConstraint("rollout_id", "device_id"),
        Index("ix_action_device_id_open", "device_id", "open"),
        Index("ix_action_rollout_id_state_stage", "rollout_id", "state", "stage"),
        Index(
            "uq_action_device_id_model_id_open",
            "device_id",
            "model_id",
            unique=True,
            sqlite_where=text("open"),
            postgresql_where=text("open"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    rollout_id: Mapped[int] = mapped_column(ForeignKey("rollout.id"))
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"))
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    build_id: Mapped[int | None] = mapped_column(ForeignKey("build.id"))
    stage: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))  # actions.STATES
    open: Mapped[bool]  # state is not terminal
    cancel: Mapped[bool] = mapped_column(default=False)  # the operator wants it back
    seq: Mapped[int] = mapped_column(default=0)  # of the device's last feedback
    revision: Mapped[int] = mapped_column(
        default=1
    )  # counts changes: what compare-and-set compares, and its newest event's seq
    reason: Mapped[str] = mapped_column(Text, default="")
    health: Mapped[dict[str, Any] | None]  # what the device measured while confirming
    errors: Mapped[int] = mapped_column(default=0)  # of inference, as last reported after confirming
    latency_ratio: Mapped[float | None]  # of inference time, as last reported, to the version before
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)


class ActionEvent(Base):
    """Every change of an action, in order."""

    __tablename__ = "action_event"
    __table_args__ = (UniqueConstraint("action_id", "seq"),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    action_id: Mapped[int] = mapped_column(ForeignKey("action.id", ondelete="CASCADE"))
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text, default="")


class Token(Base):
    """A secret's hash, and what its holder may do."""

    __tablename__ = "token"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))  # viewer, operator, admin, signer, gateway
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]


class SignIn(Base):
    """Somebody who signed in on the pages: the hash of the cookie's secret, and the token that was shown for it."""

    __tablename__ = "sign_in"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("token.id"))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ReleaseKey(Base):
    """A public key that devices are told to trust; registering one signs nothing. ``lowest_epoch``: of online keys it certified."""

    __tablename__ = "release_key"
    id: Mapped[int] = mapped_column(primary_key=True)
    public_key: Mapped[str] = mapped_column(String(64), unique=True)  # hex
    lowest_epoch: Mapped[int] = mapped_column(BigInteger(), default=0)
    name: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Base):
    """What was done by whom; each entry's hash covers the one before."""

    __tablename__ = "audit_entry"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(96))
    verb: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(128))
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))


class Change(Base):
    """Devices whose poll answer changed, so that other processes drop what they hold of them."""

    __tablename__ = "change"
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(String(64))  # "*": all of them
    at: Mapped[datetime] = mapped_column(default=now)
