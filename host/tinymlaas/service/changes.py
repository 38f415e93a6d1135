"""Who must be told that a device's poll answer may have changed: this process at the commit, other processes by table ``change``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Engine, delete, event, func, insert, inspect, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, SessionTransaction

from .tables import Base, Change, Device, Token, UtcDateTime, now

EVERYBODY = "*"
KEPT_S = 600  # a process that has not looked for longer drops all it holds
PART = 5000  # rows named in one statement; SQLite and PostgreSQL take 32 766 and more
_ANSWER = ("token_sha256", "gateway_id", "capabilities")  # columns of a device that its poll answer depends on

Told = Callable[[Mapping[int, str], Collection[str]], None]
_T = TypeVar("_T")


def touch(session: Session, devices: Iterable[str]) -> None:
    """Say, in the transaction that changed them, that these devices' answers may have changed. Sorted, so that two writers queue up."""
    for part in parts(sorted(set(devices)), PART):
        bump = update(Device).where(Device.id.in_(part)).values(revision=Device.revision + 1)
        session.execute(bump, execution_options={"synchronize_session": False})
        rows = select(Device.id, literal(now(), UtcDateTime())).where(Device.id.in_(part))
        _keep(session, insert(Change).from_select(["device_id", "at"], rows, include_defaults=False))


def _keep(session: Session, statement: Any) -> None:
    written = session.execute(statement.returning(Change.id, Change.device_id))
    session.info.setdefault("changes", {}).update({row.id: row.device_id for row in written})


def listen(engine: Engine, told: Told) -> None:
    """``told(changes, devices)`` is called, in the thread that committed, after each transaction of the engine that touched devices."""
    engine.update_execution_options(told=told)


def newest(session: Session) -> int:
    """The id of the newest change; 0 when there never was one."""
    return session.scalar(select(func.max(Change.id))) or 0


def since(session: Session, change: int) -> list[tuple[int, str]]:
    """Changes with a higher id. On PostgreSQL one with a lower id may be committed later: look again a little further back."""
    return [
        (row.id, row.device_id)
        for row in session.execute(select(Change.id, Change.device_id).where(Change.id > change))
    ]


def prune(session: Session) -> None:
    """Forget what every process has seen; the newest stays, because SQLite would use its id again."""
    old = now() - timedelta(seconds=KEPT_S)
    session.execute(delete(Change).where(Change.at < old, Change.id < newest(session)))


def parts(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items in lists of at most ``size``."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


@event.listens_for(Session, "before_flush")
def _of_objects(session: Session, context: Any, instances: Any) -> None:
    """Whoever changes a device's token, gateway or capabilities through the ORM need not think of ``touch``."""
    found = [item.id for item in session.dirty if isinstance(item, Device) and _differs(item, _ANSWER)]
    found += [item.id for item in session.deleted if isinstance(item, Device)]
    if any(isinstance(item, Token) and _differs(item, ("revoked_at",)) for item in session.dirty):
        found = [EVERYBODY]
    if found:
        at = now()
        _keep(session, insert(Change).values([{"device_id": device, "at": at} for device in found]))
    enrolled = {item.id for item in session.new if isinstance(item, Device)}
    session.info.setdefault("enrolled", set()).update(enrolled)


def _differs(item: Any, columns: Iterable[str]) -> bool:
    return any(inspect(item).attrs[name].history.has_changes() for name in columns)


@event.listens_for(Session, "after_transaction_end")
def _tell(session: Session, transaction: SessionTransaction) -> None:
    """Telling about what was rolled back costs a lookup and harms nobody."""
    if transaction.parent is not None:
        return
    changes, enrolled = session.info.pop("changes", {}), session.info.pop("enrolled", set())
    told: Told | None = session.get_bind().get_execution_options().get("told")
    if told and (changes or enrolled):
        told(changes, enrolled)


def insert_or_skip(session: Session, table: type[Base]) -> Any:
    """An INSERT that leaves out rows which would break a uniqueness rule: another process was faster."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()
