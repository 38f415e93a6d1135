"""The life of an action: no order of events, and no two writers, break it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select
from sqlalchemy.orm.exc import StaleDataError

from tests.support.fleet import answer, enrol, settle, states, version
from tinymlaas.errors import ServiceError
from tinymlaas.service import actions, rollouts
from tinymlaas.service.actions import TERMINAL, TRANSITIONS, Feedback, Standing, follow
from tinymlaas.service.database import writing
from tinymlaas.service.instance import Instance
from tinymlaas.service.tables import Action, ActionEvent, Change, Device

pytest_plugins = ["tests.support.fleet_fixtures"]

EXECUTIONS = ("download", "downloaded", "proceeding", "closed", "rejected", "canceled", "nonsense")


class Life(RuleBasedStateMachine):
    """A device that speaks in any order and repeats itself, and an operator who cancels and withdraws at any time."""

    @initialize()
    def begin(self) -> None:
        self.now = Standing("scheduled")
        self.ended: Standing | None = None
        self.heard: dict[int, Feedback] = {}

    @rule(
        seq=st.integers(1, 12),
        execution=st.sampled_from(EXECUTIONS),
        finished=st.sampled_from(("none", "success", "failure", "")),
        stop=st.booleans(),
    )
    def speak(self, seq: int, execution: str, finished: str, stop: bool) -> None:
        said = Feedback(1, "d", seq, execution, finished, stop=stop)
        before = self.now
        if seq <= before.seq:
            assert follow(before, said) is None
            return
        if actions.meaning(execution, finished, stop=stop) is None or before.state in TERMINAL:
            with pytest.raises(ServiceError):
                follow(before, said)
            return
        after = follow(before, said)
        assert after is not None
        assert after.seq == seq
        assert after.revision == before.revision + 1
        assert after.state == before.state or after.state in TRANSITIONS[before.state]
        self.now = after

    @rule()
    def cancel(self) -> None:
        if self.now.state not in TERMINAL:
            self.now = Standing(self.now.state, self.now.seq, True, self.now.revision + 1)

    @rule(to=st.sampled_from(("offered", "scheduled")))
    def operate(self, to: str) -> None:
        if to in TRANSITIONS[self.now.state]:
            self.now = Standing(to, self.now.seq, self.now.cancel, self.now.revision + 1)

    @invariant()
    def what_ended_stays(self) -> None:
        if self.ended is not None:
            assert self.now == self.ended
        elif self.now.state in TERMINAL:
            self.ended = self.now


TestLife = Life.TestCase


def test_table_is_closed() -> None:
    assert set(TRANSITIONS) == set(actions.STATES)
    assert all(not TRANSITIONS[state] for state in TERMINAL)
    assert set().union(*TRANSITIONS.values()) <= set(actions.STATES)


@pytest.mark.parametrize(("execution", "finished"), [("closed", "none"), ("closed", ""), ("sing", "success")])
def test_words_that_mean_nothing(execution: str, finished: str) -> None:
    with pytest.raises(ServiceError, match="means nothing") as caught:
        follow(Standing("offered"), Feedback(1, "d", 1, execution, finished))
    assert caught.value.status == 400


def _offered(here: Instance, devices: int = 1) -> int:
    with writing(here.engine) as session:
        enrol(session, [f"d{n:03}" for n in range(devices)])
        rollout = rollouts.create(session, version(here, session), rollouts.Plan("all"), "test").id
    settle(here)
    assert set(states(here, rollout).values()) == {"offered"}
    return rollout


def test_reports_in_the_database(here: Instance) -> None:
    rollout = _offered(here)
    with writing(here.engine) as session:
        key = session.scalars(select(Action.id)).one()
        say = [
            Feedback(key, "d000", n, e, f) for n, (e, f) in enumerate((("download", "none"), ("closed", "success")), 1)
        ]
        revision = session.scalars(select(Device.revision)).one()
        assert actions.report(session, [say[0], say[0], say[1], say[1], say[0]]) == [True, False, True, False, False]
    with writing(here.engine) as session:
        assert actions.report(session, say) == [False, False]
        late, other, unknown = actions.report(
            session,
            [
                Feedback(key, "d000", 9, "closed", "failure"),
                Feedback(key, "other", 1, "download"),
                Feedback(key + 1, "d000", 1, "download"),
            ],
        )
        assert [error.status for error in (late, other, unknown) if isinstance(error, ServiceError)] == [410, 404, 404]
        row = session.scalars(select(Action)).one()
        assert (row.state, row.open, row.seq) == ("confirmed", False, 2)
        events = session.scalars(select(ActionEvent).order_by(ActionEvent.seq)).all()
        assert [event.state for event in events] == ["scheduled", "offered", "downloading", "confirmed"]
        assert [event.seq for event in events] == [1, 2, 3, 4]
        assert session.scalars(select(Device.revision)).one() == revision + 1  # once: progress changes no answer
        assert session.scalar(select(func.max(Change.id))) is not None
    assert states(here, rollout) == {"d000": "confirmed"}


def test_two_writers_lose_nothing(here: Instance) -> None:
    """Two connections report for the same actions at once, each in its own order; the operator cancels meanwhile."""
    _offered(here, 40)
    with writing(here.engine) as session:
        known = session.execute(select(Action.id, Action.device_id)).all()
    failures: list[BaseException] = []

    def report(offset: int, order: int) -> None:
        try:
            for key, device in known[::order]:
                for seq in (1 + offset, 3 + offset):
                    with writing(here.engine) as session:
                        actions.report(session, [Feedback(key, device, seq, "download")])
        except BaseException as error:
            failures.append(error)

    def cancel() -> None:
        with writing(here.engine) as session:
            actions.ask_back(session, Action.open, "enough")

    threads = [threading.Thread(target=report, args=(n, order)) for n, order in ((0, 1), (1, -1))]
    threads.append(threading.Thread(target=cancel))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with writing(here.engine) as session:
        for row in session.scalars(select(Action)):
            events = session.scalars(
                select(ActionEvent.seq).where(ActionEvent.action_id == row.id).order_by(ActionEvent.seq)
            ).all()
            assert events == list(range(1, row.revision + 1))  # each change has exactly one event
            assert (row.state, row.seq, row.cancel) == ("downloading", 4, True)


def test_stale_view_of_an_action_writes_nothing(here: Instance) -> None:
    """The compare-and-set below the lock: whoever got past it all the same loses nothing of others."""
    _offered(here)
    with writing(here.engine) as session:
        rows = actions._locked(session, [1])
        actions.report(session, [Feedback(1, "d000", 1, "download")])
        stale = {1: Standing("confirmed", seq=9, revision=rows[1].revision + 1)}
        with pytest.raises(StaleDataError):
            actions._set(session, rows, stale)
        assert session.scalars(select(Action.state)).one() == "downloading"


def test_events_are_bounded(here: Instance) -> None:
    _offered(here)
    with writing(here.engine) as session:
        key = session.scalars(select(Action.id)).one()
        chatter = [Feedback(key, "d000", n, "download", detail=f"{n} of 1000") for n in range(1, 1001)]
        assert all(actions.report(session, chatter))
    answer(here, 1)
    with writing(here.engine) as session:
        assert session.scalar(select(func.count()).select_from(ActionEvent)) == actions.MOST_EVENTS + 1
        assert session.scalars(select(Action.state)).one() == "confirmed"


def test_cancel_asks_the_device(here: Instance) -> None:
    """What was offered is only taken back by the device's word; what was not, at once."""
    _offered(here)
    with writing(here.engine) as session:
        assert actions.ask_back(session, Action.open, "enough") == 1
        row = session.scalars(select(Action)).one()
        assert (row.state, row.cancel) == ("offered", True)
        too_late = Feedback(row.id, "d000", 1, "rejected", stop=True)
        assert actions.report(session, [too_late]) == [True]
        session.refresh(row)
        assert (row.state, row.cancel) == ("offered", False)
        actions.ask_back(session, Action.open, "again")
        assert actions.report(session, [Feedback(row.id, "d000", 2, "closed", "success", stop=True)]) == [True]
        session.refresh(row)
        assert (row.state, row.open) == ("canceled", False)
