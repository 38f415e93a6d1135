"""What a process keeps of its devices stays true, whoever changes it; who was seen is written in batches."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import delete, event, insert, select

from tests.support.fleet import enrol, settle, version
from tinymlaas.service import changes, presence, rollouts
from tinymlaas.service.database import connect, reading, writing
from tinymlaas.service.instance import Instance, open_instance
from tinymlaas.service.presence import Presence
from tinymlaas.service.tables import Change, Device, now

pytest_plugins = ["tests.support.fleet_fixtures"]


def fetch(one: Presence, device: str) -> presence.View:
    return asyncio.run(one.fetch(device))


@pytest.fixture
def two(here: Instance) -> tuple[Presence, Presence, Instance]:
    """Two processes on one database; the second is also given."""
    other = open_instance(here.settings)
    with writing(here.engine) as session:
        enrol(session, ["d", "e"])
    found = Presence(here), Presence(other)
    for one in found:
        one.follow()  # from here on it knows what it has seen
    yield (*found, other)
    other.engine.dispose()


def test_own_changes_at_once_others_by_following(two: tuple[Presence, Presence, Instance]) -> None:
    mine, theirs, _ = two
    for one in (mine, theirs):
        fetch(one, "d")
        fetch(one, "e")
    with writing(mine.instance.engine) as session:
        changes.touch(session, ["d"])
        assert mine.get("d") is not None  # not before the commit
    assert mine.get("d") is None
    assert mine.get("e") is not None
    assert theirs.get("d") is not None
    theirs.follow()
    assert theirs.get("d") is None
    assert theirs.get("e") is not None
    fetch(mine, "d")
    mine.follow()
    assert mine.get("d") is not None  # its own change is not followed twice


def test_rollback_of_a_transaction_changes_nothing(two: tuple[Presence, Presence, Instance]) -> None:
    mine, theirs, _ = two
    fetch(theirs, "d")
    with writing(mine.instance.engine) as session:
        changes.touch(session, ["d"])
        session.rollback()
    theirs.follow()
    assert theirs.get("d") is not None


def test_revoked_gateway_drops_everything(two: tuple[Presence, Presence, Instance]) -> None:
    _, theirs, other = two
    fetch(theirs, "d")
    with writing(other.engine) as session:
        session.execute(insert(Change).values(device_id=changes.EVERYBODY, at=now()))
    theirs.follow()
    assert theirs.get("d") is None


def test_change_while_an_answer_is_read_is_not_kept(two: tuple[Presence, Presence, Instance]) -> None:
    """The answer read before a commit must not be kept after it."""
    mine = two[0]
    engine, left = mine.instance.engine, [1]

    def meanwhile(*_: object) -> None:
        if left:
            left.pop()
            mine.told({1: "d"})

    event.listen(engine, "before_cursor_execute", meanwhile)
    fetch(mine, "d")
    assert mine.get("d") is None
    fetch(mine, "d")
    assert mine.get("d") is not None


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_changes_committed_out_of_order(two: tuple[Presence, Presence, Instance]) -> None:
    """A transaction may commit after one that got a higher id; SQLite has one writer."""
    _, theirs, other = two
    with writing(other.engine) as session:
        top = changes.newest(session) + 100
        session.execute(insert(Change).values(id=top, device_id="e", at=now()))
    theirs.follow()
    fetch(theirs, "d")
    with writing(other.engine) as session:
        session.execute(insert(Change).values(id=top - 50, device_id="d", at=now()))
    theirs.follow()
    assert theirs.get("d") is None


def test_pruning_keeps_the_newest(here: Instance) -> None:
    old = now().replace(year=2020)
    with writing(here.engine) as session:
        session.execute(insert(Change), [{"device_id": str(n), "at": old} for n in range(10)])
        changes.prune(session)
        assert session.scalars(select(Change.device_id)).all() == ["9"]
        session.execute(delete(Change).where(Change.device_id == "none"))


def test_process_that_slept_drops_all(
    two: tuple[Presence, Presence, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, theirs, _ = two
    fetch(theirs, "d")
    at = time.monotonic() + changes.KEPT_S
    monkeypatch.setattr(time, "monotonic", lambda: at)
    theirs.follow()
    assert theirs.get("d") is None


def test_seen_is_written_by_one_statement(here: Instance) -> None:
    with writing(here.engine) as session:
        enrol(session, [f"d{n:04}" for n in range(2000)])
    one, statements = Presence(here), []
    event.listen(here.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    one.seen.update(f"d{n:04}" for n in range(1500))
    one.flush(one.take())
    assert len([text for text in statements if text.startswith("UPDATE")]) == 1
    with reading(here.engine) as session:
        seen = session.scalars(select(Device.last_seen).where(Device.last_seen.is_not(None))).all()
        assert len(seen) == 1500
        assert abs((now() - seen[0]).total_seconds()) < 60
    assert not one.seen


def test_seen_is_kept_while_the_database_is_away(here: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Presence(here)
    monkeypatch.setattr(presence, "write_seen", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.flush({"d"})
    assert one.seen == {"d"}


def test_runs_in_the_background(here: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's change arrives within a second."""
    monkeypatch.setattr(presence, "TAIL_S", 0.1)
    with writing(here.engine) as session:
        enrol(session, ["d"])
    elsewhere = connect(here.settings.database)

    async def scene() -> float:
        one = Presence(here)
        task = asyncio.create_task(one.run())
        await asyncio.sleep(0.5)
        await one.fetch("d")
        with writing(elsewhere) as session:
            changes.touch(session, ["d"])
        began = time.monotonic()
        while one.get("d") is not None:
            await asyncio.sleep(0.02)
        elapsed = time.monotonic() - began
        one.seen.add("d")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return elapsed

    assert asyncio.run(asyncio.wait_for(scene(), 30)) < 5
    with reading(elsewhere) as session:
        assert session.get_one(Device, "d").last_seen is not None  # the end of the process writes it too
    elsewhere.dispose()


def test_offers_change_the_answer_everywhere(two: tuple[Presence, Presence, Instance]) -> None:
    mine, theirs, _ = two
    etags = {fetch(one, "d").etag for one in (mine, theirs)}
    assert len(etags) == 1  # the same in every process
    with writing(mine.instance.engine) as session:
        rollouts.create(session, version(mine.instance, session), rollouts.Plan("all"), "test")
    settle(mine.instance)
    theirs.follow()
    assert b"deploymentBase" in fetch(theirs, "d").body
    assert fetch(theirs, "d").etag == fetch(mine, "d").etag not in etags
