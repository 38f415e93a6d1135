"""A small `make load`: real server processes, a simulated fleet, SIGKILL in the middle, and books that must agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from tinymlaas.errors import UsageError
from tinymlaas.service import load, simulate, wire
from tinymlaas.service.database import connect, reading
from tinymlaas.service.tables import Action, ActionEvent, Device

DEVICES = 200


def test_nothing_is_lost_or_doubled_by_kill_9(database: str, tmp_path: Path) -> None:
    server = load.Server(tmp_path / "data", None, ["--database", database])
    server.start()
    try:
        found = load.rollout(server, DEVICES, [5, 40, 100], interval=1.0, fail_percent=10.0)
    finally:
        server.stop()
    assert found["wrong"] == []
    assert found["state"] == "finished"
    assert found["restart_s"] is not None
    assert found["unanswered"] > 0  # the kill was felt
    ended = [sum(states.values()) for states in found["stages"]]
    assert ended == [10, 70, 120]
    assert sum(states.get("failed", 0) for states in found["stages"]) > 0
    engine = connect(database)
    with reading(engine) as session:  # not by what the server says, but by what is in its database
        assert session.scalar(select(func.count()).select_from(Device)) == DEVICES
        assert session.scalar(select(func.count()).where(~Action.open)) == DEVICES
        assert session.scalar(select(func.count(Action.device_id.distinct()))) == DEVICES
        changes = session.scalar(select(func.sum(Action.revision)))
        assert session.scalar(select(func.count()).select_from(ActionEvent)) == changes
    engine.dispose()


def test_audit_sees_every_kind_of_difference() -> None:
    devices = simulate.build([f"d{n}" for n in range(7)], "token")
    devices[0].done[10] = "confirmed"
    devices[1].done[11] = "failed"
    part = {"state": "confirmed", "open": False}
    parts = [
        {**part, "id": 10, "device_id": "d0"},
        {**part, "id": 11, "device_id": "d1"},  # the device failed
        {**part, "id": 12, "device_id": "d2"},  # the device knows nothing
        {**part, "id": 13, "device_id": "d3", "state": "rejected"},  # by the fit verdict: fine
        {**part, "id": 14, "device_id": "d4", "state": "testing", "open": True},
        {**part, "id": 15, "device_id": "d5", "state": "rejected"},
        {**part, "id": 16, "device_id": "d5", "state": "rejected"},  # twice
        {**part, "id": 17, "device_id": "ghost", "state": "rejected"},
    ]
    assert simulate.audit(devices, parts) == [
        "d1: action 11 is confirmed, the device says failed",
        "d2: action 12 is confirmed, the device knows nothing of it",
        "d4: action 14 is still testing",
        "ghost: action 17: the fleet has no such device",
        "d5: 2 actions",
        "d6: no action",
    ]


@pytest.mark.parametrize("url", ["ftp://x", "localhost:8000", "http://"])
def test_urls(url: str) -> None:
    with pytest.raises(UsageError, match="no http or https URL"):
        wire.parse_url(url)
