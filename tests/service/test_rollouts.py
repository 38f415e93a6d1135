"""Rollouts: honest stages, limits that stop, ways back, and ticks that may die or run twice."""

from __future__ import annotations

import threading
import time
from math import ceil

import pytest
from sqlalchemy import delete, func, select, update

from tests.support.fleet import answer, enrol, make_ready, says, settle, states, version
from tinymlaas.errors import ServiceError
from tinymlaas.service import actions, rollouts, stages
from tinymlaas.service.actions import Feedback, report
from tinymlaas.service.database import reading, writing
from tinymlaas.service.instance import Instance
from tinymlaas.service.rollouts import Plan
from tinymlaas.service.said import declare
from tinymlaas.service.tables import Action, ActionEvent, AuditEntry, Build, Device, Membership, Rollout, Version, now

pytest_plugins = ["tests.support.fleet_fixtures"]

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # what the database cannot change


def begin(here: Instance, devices: int = 40, source: str = "a", **plan: object) -> int:
    """A running rollout of a new version; devices are enrolled when there are none."""
    with writing(here.engine) as session:
        if session.scalar(select(Device.id).limit(1)) is None:
            enrol(session, [f"d{n:05}" for n in range(devices)])
        return rollouts.create(session, version(here, session, source=source), Plan("all", **plan), "test").id


def look(here: Instance, rollout: int) -> Rollout:
    with reading(here.engine) as session:
        return session.get_one(Rollout, rollout)


def look_again(here: Instance) -> None:
    """As if the interval had passed."""
    with writing(here.engine) as session:
        session.execute(update(Rollout).values(look_at=None))
    settle(here)


def finish(here: Instance, rollout: int) -> None:
    for _ in look(here, rollout).stages:
        settle(here)
        answer(here, rollout)
    stages.tick(here)
    assert look(here, rollout).state == "finished", look(here, rollout).reason


def test_stages_follow_each_other(here: Instance) -> None:
    rollout = begin(here, 30, stages=[5, 50, 100])
    for number, percent in enumerate((5, 50, 100)):
        settle(here)
        parts = states(here, rollout)
        assert len(parts) == ceil(30 * percent / 100)
        assert look(here, rollout).stage == number
        answer(here, rollout, "download", "none")
        stages.tick(here)
        assert len(states(here, rollout)) == len(parts)  # not before they have ended
        answer(here, rollout)
    stages.tick(here)
    assert look(here, rollout).state == "finished"
    assert set(states(here, rollout).values()) == {"confirmed"}


def test_order_is_another_for_each_rollout() -> None:
    devices = [f"d{n}" for n in range(1000)]
    first = [set(sorted(devices, key=lambda d: rollouts.draw(r, d))[:50]) for r in (1, 2)]
    assert len(first[0] & first[1]) < 15


def test_fit_is_decided_once_per_kind(here: Instance) -> None:
    rollout = begin(here, 9)
    with writing(here.engine) as session:
        declare(session, {"d00000": says("d00000", heap=2048), "d00001": says("d00001", target="dsp")})
    settle(here)
    with reading(here.engine) as session:
        action = session.scalars(select(Action).where(Action.device_id == "d00000")).one()
        assert (action.state, action.open, action.seq) == ("rejected", False, 0)
        assert "are short" in action.reason
        assert session.scalar(select(func.count()).select_from(Build)) == 2  # m0plus and dsp
    answer(here, rollout)
    stages.tick(here)
    assert look(here, rollout).state == "finished"  # what never fitted is no failure


@on_sqlite
def test_device_that_changes_is_judged_anew(here: Instance) -> None:
    rollout = begin(here, 2)
    settle(here)
    with writing(here.engine) as session:
        declare(session, {"d00000": says("d00000", heap=2048)})
    assert states(here, rollout)["d00000"] == "scheduled"
    settle(here)
    assert states(here, rollout) == {"d00000": "rejected", "d00001": "offered"}


@on_sqlite
def test_device_without_capabilities_waits(here: Instance) -> None:
    with writing(here.engine) as session:
        enrol(session, ["mute"], declared=False)
        rollout = rollouts.create(session, version(here, session), Plan("all"), "test").id
    settle(here)
    assert states(here, rollout) == {"mute": "scheduled"}
    with writing(here.engine) as session:
        declare(session, {"mute": says("mute")})
    settle(here)
    assert states(here, rollout) == {"mute": "offered"}


@on_sqlite
def test_failed_build_rejects(here: Instance) -> None:
    rollout = begin(here, 2)
    stages.tick(here)
    with writing(here.engine) as session:
        session.execute(update(Build).values(state="failed", error="layer 3 is too odd"))
    stages.tick(here)
    assert set(states(here, rollout).values()) == {"rejected"}


@on_sqlite
def test_failures_stop_with_numbers(here: Instance) -> None:
    rollout = begin(here, 40, stages=[25, 100], limits={"failed_percent": 10})
    settle(here)
    answer(here, rollout, "closed", "failure", detail="self-test: vector 1 differs")
    stages.tick(here)
    found = look(here, rollout)
    assert found.state == "stopped"
    assert found.reason == (
        "stage 1 (25 %): 10 of 10 devices failed (100.0 %, limit 10 %); 10 times: self-test: vector 1 differs"
    )
    settle(here)
    assert len(states(here, rollout)) == 10


@on_sqlite
def test_refusal_by_devices_counts_as_failure(here: Instance) -> None:
    rollout = begin(here, 4)
    settle(here)
    answer(here, rollout, "rejected", "none", detail="signature by an unknown key")
    stages.tick(here)
    assert "unknown key" in look(here, rollout).reason


@pytest.mark.parametrize(
    ("limits", "health", "words"),
    [
        ({"latency_ratio": 1.5}, {"inference_us": 2000}, "inference takes 2.00 times as long as before (median of 4"),
        ({"errors": 0.5}, {"inference_us": 1000, "errors": 3}, "12 inference errors on 4 devices (3.00 per device"),
    ],
)
def test_slowness_and_errors_stop(here: Instance, limits: dict[str, float], health: dict[str, int], words: str) -> None:
    first = begin(here, 8)
    settle(here)
    answer(here, first, health={"model": "digits", "version": 1, "inference_us": 1000, "errors": 0})
    stages.tick(here)
    second = begin(here, stages=[50, 100], source="b", limits=limits)
    settle(here)
    answer(here, second, health={"model": "digits", "version": 2, "errors": 0, **health})
    stages.tick(here)
    found = look(here, second)
    assert found.state == "stopped"
    assert found.reason.startswith(words)


@on_sqlite
def test_pause_withdraws_and_resume_offers_again(here: Instance) -> None:
    rollout = begin(here, 3)
    settle(here)
    with writing(here.engine) as session:
        rollouts.pause(session, rollout, "eve")
    settle(here)
    assert set(states(here, rollout).values()) == {"scheduled"}
    assert look(here, rollout).reason == "paused by eve"
    with writing(here.engine) as session:
        rollouts.resume(session, rollout, "eve")
    finish(here, rollout)


@on_sqlite
def test_verbs_in_the_wrong_state(here: Instance) -> None:
    rollout = begin(here, 1, needs_approval=True)
    stages.tick(here)
    assert not states(here, rollout)
    with writing(here.engine) as session:
        for verb in (rollouts.pause, rollouts.resume, rollouts.roll_back):
            with pytest.raises(ServiceError, match="is waiting: cannot"):
                verb(session, rollout, "eve")
        rollouts.approve(session, rollout, "eve")
        assert session.scalars(select(AuditEntry.verb).order_by(AuditEntry.id)).all()[-1] == "rollout.approve"
    finish(here, rollout)


@on_sqlite
@pytest.mark.parametrize("given", [[], [50], [50, 50, 100], [100, 50], [0, 100]])
def test_stages_must_rise_to_100(here: Instance, given: list[int]) -> None:
    with pytest.raises(ServiceError, match="no rising percentages"):
        begin(here, 1, stages=given)


@on_sqlite
def test_nobody_in_the_group(here: Instance) -> None:
    with writing(here.engine) as session, pytest.raises(ServiceError, match="no device in group 'none'"):
        rollouts.create(session, version(here, session), Plan("none"), "test")


@on_sqlite
def test_older_version_is_refused(here: Instance) -> None:
    begin(here, 2)
    finish(here, begin(here, source="b"))
    with writing(here.engine) as session:
        old = session.scalars(select(Version).where(Version.number == 1)).one()
        with pytest.raises(ServiceError, match="refuse the older v1"):
            rollouts.create(session, old, Plan("all"), "test")


def test_newer_rollout_takes_over(here: Instance) -> None:
    """Devices that had not begun change at once; the others are asked, and get the new one when they have let go."""
    old = begin(here, 6)
    settle(here)
    new = begin(here, source="b")
    settle(here)
    assert look(here, old).state == "stopped"
    assert not states(here, new)
    assert look(here, new).state == "running"  # it waits for them
    answer(here, old, "canceled", "none", stop=True)
    look_again(here)
    assert set(states(here, old).values()) == {"canceled"}
    finish(here, new)


def test_one_open_action_per_device_and_model(here: Instance) -> None:
    begin(here, 5)
    settle(here)
    begin(here, source="b")
    settle(here)
    with writing(here.engine) as session:
        model = session.scalars(select(Action.model_id)).first()
        assert session.scalar(select(func.count()).where(Action.open)) == 5
        assert actions.schedule(session, 2, model or 0, 0, ["d00000", "d00001"]) == 0


def test_roll_back(here: Instance) -> None:
    good = begin(here, 10)
    finish(here, good)
    bad = begin(here, source="b", stages=[50, 100])
    settle(here)
    with reading(here.engine) as session:
        keys = session.scalars(select(Action.id).where(Action.rollout_id == bad).order_by(Action.id)).all()
    with writing(here.engine) as session:
        devices = {row.id: row.device_id for row in session.scalars(select(Action).where(Action.id.in_(keys)))}
        report(session, [Feedback(key, devices[key], 1, "closed", "success") for key in keys[:3]])
        back = rollouts.roll_back(session, bad, "eve")
        assert (back.version.number, back.version.source_sha256) == (3, "a" * 64)
    look_again(here)
    assert set(states(here, back.id)) == {devices[key] for key in keys[:3]}
    late, gone = keys[3], keys[4]
    with writing(here.engine) as session:  # one was too late to stop and runs the bad version
        said = [
            Feedback(late, devices[late], 1, "closed", "success"),
            Feedback(gone, devices[gone], 1, "canceled", stop=True),
        ]
        assert report(session, said) == [True, True]
    look_again(here)
    assert set(states(here, back.id)) == {devices[key] for key in keys[:4]}
    answer(here, back.id)
    stages.tick(here)
    found = look(here, bad)
    assert (found.state, found.rolled_back_by) == ("rolled-back", back.id)
    assert look(here, back.id).state == "finished"


@on_sqlite
def test_nothing_to_go_back_to(here: Instance) -> None:
    first = begin(here, 2)
    finish(here, first)
    with writing(here.engine) as session, pytest.raises(ServiceError, match="no older version of digits"):
        rollouts.roll_back(session, first, "eve")


def test_newcomers_get_what_the_group_has(here: Instance) -> None:
    old = begin(here, 3)
    finish(here, old)
    new = begin(here, source="b")
    finish(here, new)
    with writing(here.engine) as session:
        enrol(session, ["late"])
    look_again(here)
    assert states(here, new)["late"] == "offered"
    assert "late" not in states(here, old)


def test_newcomer_in_the_middle_waits_for_its_stage(here: Instance) -> None:
    rollout = begin(here, 40, stages=[10, 100])
    settle(here)
    with writing(here.engine) as session:
        enrol(session, [f"n{n:03}" for n in range(100)])
    look_again(here)
    cutoff = look(here, rollout).cutoffs[0]
    assert all(rollouts.draw(rollout, device) <= cutoff for device in states(here, rollout))
    assert 4 < len(states(here, rollout)) < 35
    finish(here, rollout)
    assert len(states(here, rollout)) == 140


@on_sqlite
def test_assignment_of_one_device(here: Instance) -> None:
    with writing(here.engine) as session:
        enrol(session, ["a", "b"])
        made = version(here, session)
        first = rollouts.assign(session, "a", made, "eve").id
    finish(here, first)
    assert states(here, first) == {"a": "confirmed"}
    with writing(here.engine) as session:
        again = rollouts.assign(session, "a", session.merge(made), "eve").id  # also what it runs already
        with pytest.raises(ServiceError, match="no device 'c'"):
            rollouts.assign(session, "c", session.merge(made), "eve")
    finish(here, again)


@on_sqlite
def test_newer_assignment_is_not_undone_by_an_older_rollout(here: Instance) -> None:
    old = begin(here, 4, stages=[25, 100])
    settle(here)
    alone = next(d for d in ("d00000", "d00001") if d not in states(here, old))
    with writing(here.engine) as session:
        newer = rollouts.assign(session, alone, version(here, session, source="b"), "eve").id
    finish(here, newer)
    finish(here, old)
    assert alone not in states(here, old)
    assert len(states(here, old)) == 3


@on_sqlite
def test_absent_devices_hold_up_nothing(here: Instance) -> None:
    rollout = begin(here, 4, limits={"absent_s": 60})
    settle(here)
    with writing(here.engine) as session:
        session.execute(update(Action).values(created_at=now().replace(year=2020)))
        session.execute(update(Device).where(Device.id == "d00000").values(last_seen=now()))
    stages.tick(here)
    assert look(here, rollout).state == "running"
    with writing(here.engine) as session:
        session.execute(update(Device).values(last_seen=now().replace(year=2020)))
    stages.tick(here)
    assert look(here, rollout).state == "finished"
    answer(here, rollout)  # they are back
    assert set(states(here, rollout).values()) == {"confirmed"}


@on_sqlite
def test_deleted_devices_and_left_groups(here: Instance) -> None:
    rollout = begin(here, 6, stages=[50, 100])
    settle(here)
    gone = next(iter(states(here, rollout)))
    with writing(here.engine) as session:
        session.delete(session.get_one(Device, gone))
        session.execute(delete(Membership).where(Membership.device_id == "d00005"))
    finish(here, rollout)
    assert len(states(here, rollout)) in (4, 5)


def test_ticks_of_two_processes_at_once(here: Instance) -> None:
    """Four threads tick while devices answer: each device gets exactly one action, each change one event."""
    rollout = begin(here, 300, stages=[10, 40, 100])
    failures: list[BaseException] = []
    deadline = time.monotonic() + 60

    def process() -> None:
        while look(here, rollout).state == "running" and time.monotonic() < deadline and not failures:
            try:
                stages.tick(here)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=process) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        make_ready(here)
        answer(here, rollout)
    for thread in threads:
        thread.join()
    assert not failures
    assert list(states(here, rollout).values()) == ["confirmed"] * 300
    with reading(here.engine) as session:
        assert session.scalar(select(func.count()).select_from(ActionEvent)) == 900  # scheduled, offered, confirmed


def test_tick_that_dies_after_any_transaction(here: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick is ended after each of its transactions in turn; the next one goes on, and nothing is doubled."""
    rollout = begin(here, 20, stages=[50, 100])
    original, left = stages.writing, [0]

    class Killed(Exception):
        pass

    def dying(engine: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return original(here.engine)

    monkeypatch.setattr(stages, "writing", dying)
    for allowed in [*range(1, 25), *range(1, 25)]:
        left[0] = allowed
        try:
            stages.tick(here)
        except Killed:
            make_ready(here)
        answer(here, rollout)
    assert list(states(here, rollout).values()) == ["confirmed"] * 20
    assert look(here, rollout).state == "finished"


def test_thousands_in_seconds(here: Instance) -> None:
    begin(here, 5_000)
    began = time.monotonic()
    settle(here)
    assert time.monotonic() - began < 60
    with reading(here.engine) as session:
        assert session.scalar(select(func.count()).where(Action.state == "offered")) == 5_000
