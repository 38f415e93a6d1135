"""The device path over real HTTP semantics: a test client on the whole app, a real database, no server process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from tests.support.fleet import MODULE, TOKEN, enrol, says, settle, states, version
from tinymlaas.service import actions, rollouts, telemetry
from tinymlaas.service.app import create_app
from tinymlaas.service.database import reading, writing
from tinymlaas.service.instance import Instance
from tinymlaas.service.settings import Settings
from tinymlaas.service.tables import Action, CapabilityReport, Device, HealthReport, Token
from tinymlaas.service.tokens import digest

BASE = "/default/controller/v1/d"
SHA256 = hashlib.sha256(MODULE).hexdigest()
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # what the database cannot change
CLOSED = {"execution": "closed", "result": {"finished": "success"}, "details": ["self-test passed"]}


class Caller:
    """A device and its server."""

    def __init__(self, app: Any) -> None:
        self.instance: Instance = app.state.instance
        self.presence = app.state.device_path.presence
        self.http = TestClient(app, headers={"Authorization": f"TargetToken {TOKEN}"}, raise_server_exceptions=False)

    def poll(self, **headers: str) -> httpx.Response:
        return self.http.get(BASE, headers=headers)

    def links(self) -> dict[str, Any]:
        return dict(self.poll().json()["_links"])

    def say(self, action: int, seq: int, status: dict[str, Any], **more: Any) -> httpx.Response:
        body = {"id": str(action), "seq": seq, "status": status, **more}
        return self.http.post(f"{BASE}/deploymentBase/{action}/feedback", json=body)

    def offered(self) -> int:
        """Number of an action that was offered."""
        with writing(self.instance.engine) as session:
            rollout = rollouts.create(session, version(self.instance, session), rollouts.Plan("all"), "test").id
        settle(self.instance)
        assert states(self.instance, rollout) == {"d": "offered"}
        return int(self.links()["deploymentBase"]["href"].rsplit("/", 1)[1])


@pytest.fixture
def device(database: str, tmp_path: Path) -> Iterator[Caller]:
    """A device that has said what it is."""
    app = create_app(Settings(database=database, store=str(tmp_path / "store"), device_rate=1000, login_rate=5))
    caller = Caller(app)
    with writing(caller.instance.engine) as session:
        enrol(session, ["d"])
    yield caller
    caller.instance.engine.dispose()


@on_sqlite
def test_poll_and_304(device: Caller) -> None:
    first = device.poll()
    assert first.status_code == 200
    assert first.json()["config"]["polling"]["sleep"] in {f"00:00:{n}" for n in range(27, 34)}
    assert first.json()["_links"] == {}
    same = device.poll(**{"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    action = device.offered()
    changed = device.poll(**{"If-None-Match": first.headers["etag"]})
    assert changed.json()["_links"] == {"deploymentBase": {"href": f"{BASE}/deploymentBase/{action}"}}


def test_whole_update(device: Caller) -> None:
    action = device.offered()
    said = device.http.get(device.links()["deploymentBase"]["href"]).json()
    (chunk,) = said["deployment"]["chunks"]
    assert (said["id"], said["seq"], chunk["name"], chunk["version"]) == (str(action), 0, "digits", "1")
    (artifact,) = chunk["artifacts"]
    assert (artifact["filename"], artifact["size"], artifact["hashes"]) == (
        "digits.tml",
        len(MODULE),
        {"sha256": SHA256},
    )
    assert device.http.get(artifact["_links"]["download-http"]["href"]).content == MODULE
    for seq, execution in enumerate(("download", "downloaded", "proceeding"), 1):
        status = {"execution": execution, "result": {"finished": "none", "progress": {"cnt": seq, "of": 3}}}
        assert device.say(action, seq, status).status_code == 200
    assert device.http.get(f"{BASE}/deploymentBase/{action}").json()["seq"] == 3
    health = {"model": "digits", "version": 1, "selftest": True, "inference_us": 41000, "heap_free": 12288, "errors": 0}
    for _ in range(3):  # the answer was lost
        assert device.say(action, 4, CLOSED, health=health).status_code == 200
    assert device.links() == {}
    with reading(device.instance.engine) as session:
        row = session.scalars(select(Action)).one()
        assert (row.state, row.health) == ("confirmed", health)
        assert session.get_one(Device, "d").health["inference_us"] == 41000
        assert session.scalar(select(func.count()).select_from(HealthReport)) == 1
    assert device.http.get(f"{BASE}/artifacts/{SHA256}").status_code == 404  # no open action names it any more
    assert device.say(action, 5, CLOSED).status_code == 410


RANGES = [
    ("bytes=0-9", 206, MODULE[:10], "0-9"),
    ("bytes=6000-", 206, MODULE[6000:], f"6000-{len(MODULE) - 1}"),
    ("bytes=-16", 206, MODULE[-16:], f"{len(MODULE) - 16}-{len(MODULE) - 1}"),
    ("bytes=0-999999", 206, MODULE, f"0-{len(MODULE) - 1}"),
    ("bytes=0-1,5-6", 200, MODULE, None),
    ("lines=0-1", 200, MODULE, None),
]


@on_sqlite
def test_ranges(device: Caller) -> None:
    device.offered()
    path = f"{BASE}/artifacts/{SHA256}"
    for header, status, body, extent in [*RANGES, *RANGES]:  # from the store, then from memory
        got = device.http.get(path, headers={"Range": header})
        assert (got.status_code, got.content) == (status, body)
        assert got.headers.get("content-range") == (f"bytes {extent}/{len(MODULE)}" if extent else None)
        assert int(got.headers["content-length"]) == len(body)
    assert got.headers["etag"] == f'"{SHA256}"'
    stale = device.http.get(path, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (stale.status_code, stale.content) == (200, MODULE)
    assert device.http.head(path).headers["content-length"] == str(len(MODULE))
    beyond = device.http.get(path, headers={"Range": f"bytes={len(MODULE)}-"})
    assert (beyond.status_code, "ask for less" in beyond.json()["remedy"]) == (416, True)


def test_only_its_own(device: Caller) -> None:
    """Another device's action, module and token are nothing to this one."""
    with writing(device.instance.engine) as session:
        enrol(session, ["other"], "others")
        made = version(device.instance, session)
        rollout = rollouts.create(session, made, rollouts.Plan("others"), "test").id
    settle(device.instance)
    with reading(device.instance.engine) as session:
        action = session.scalars(select(Action.id).where(Action.rollout_id == rollout)).one()
    assert device.http.get(f"{BASE}/deploymentBase/{action}").status_code == 404
    assert device.http.get(f"{BASE}/artifacts/{SHA256}").status_code == 404
    assert device.say(action, 1, CLOSED).status_code == 404
    assert states(device.instance, rollout) == {"other": "offered"}


def test_capabilities_are_kept_with_history(device: Caller) -> None:
    with writing(device.instance.engine) as session:
        enrol(session, ["new"], declared=False)
    path = "/default/controller/v1/new"
    assert "configData" in device.http.get(path).json()["_links"]
    for heap, reports in ((190_000, 1), (190_100, 1), (90_000, 2), (190_000, 3)):  # within a KiB it is the same
        data = says("new", heap).body
        assert device.http.put(f"{path}/configData", json={"mode": "replace", "data": data}).status_code == 200
        with reading(device.instance.engine) as session:
            query = select(func.count()).where(CapabilityReport.device_id == "new")
            assert session.scalar(query) == reports
    assert "configData" not in device.http.get(path).json()["_links"]


def test_cancel(device: Caller) -> None:
    action = device.offered()
    with writing(device.instance.engine) as session:
        actions.ask_back(session, Action.id == action, "enough")
    assert device.links() == {"cancelAction": {"href": f"{BASE}/cancelAction/{action}"}}
    said = device.http.get(f"{BASE}/cancelAction/{action}").json()
    assert said == {"id": str(action), "seq": 0, "cancelAction": {"stopId": str(action)}}
    body = {"id": str(action), "seq": 1, "status": {"execution": "canceled"}}
    assert device.http.post(f"{BASE}/cancelAction/{action}/feedback", json=body).status_code == 200
    assert device.links() == {}
    assert states(device.instance, 1) == {"d": "canceled"}


def test_health_keeps_the_newest(device: Caller) -> None:
    with writing(device.instance.engine) as session:
        report = {"model": "digits", "version": 1, "errors": 0}
        telemetry.record(session, [("d", {**report, "runs": n}) for n in range(telemetry.KEPT + 20)])
    answer = device.http.post(f"{BASE}/health", json={"model": "digits", "version": 1, "runs": 9999, "errors": 2})
    assert answer.status_code == 200
    with reading(device.instance.engine) as session:
        runs = [row.body["runs"] for row in session.scalars(select(HealthReport).order_by(HealthReport.id))]
        assert len(runs) == telemetry.KEPT
        assert (runs[0], runs[-1]) == (21, 9999)


BAD = [
    ("PUT", "configData", b"{", 400, "no JSON"),
    ("PUT", "configData", b'{"data": NaN}', 400, "NaN is not JSON"),
    ("PUT", "configData", b"[" * 30_000, 400, "no JSON"),
    ("PUT", "configData", b'{"mode": "merge", "data": {}}', 422, "mode"),
    ("PUT", "configData", b'{"data": {"format": 1}}', 422, "board"),
    ("PUT", "configData", b'"' + b"x" * 70_000 + b'"', 413, "larger than"),
    ("POST", "health", b'{"model": "digits"}', 422, "version"),
    ("POST", "health", b'{"model": "digits", "version": 1, "errors": -1}', 422, "errors"),
    ("POST", "deploymentBase/1/feedback", b"[]", 422, "feedback"),
    (
        "POST",
        "deploymentBase/1/feedback",
        b'{"id": "2", "seq": 1, "status": {"execution": "closed"}}',
        422,
        "path says 1",
    ),
    ("POST", "deploymentBase/1/feedback", b'{"id": "1", "seq": 0, "status": {"execution": "closed"}}', 422, "seq"),
    (
        "POST",
        "deploymentBase/1/feedback",
        b'{"id": "1", "seq": 1, "status": {"execution": "sing"}}',
        400,
        "means nothing",
    ),
    (
        "POST",
        "deploymentBase/99/feedback",
        b'{"id": "99", "seq": 1, "status": {"execution": "download"}}',
        404,
        "no action",
    ),
    ("POST", "deploymentBase/x/feedback", b"{}", 404, "no action"),
    ("POST", "deploymentBase/1/other", b"{}", 404, "no such path"),
    ("GET", "deploymentBase/99", b"", 404, "not, or no longer"),
    ("GET", "cancelAction/1", b"", 404, "nobody asks"),
    ("GET", "artifacts/..%2f..%2fkeys", b"", 404, "no such path"),
    ("DELETE", "configData", b"", 405, "no such thing"),
    ("GET", "nonsense", b"", 404, "no such thing"),
]


@on_sqlite
def test_bad_requests(device: Caller) -> None:
    device.offered()
    for method, path, body, status, words in BAD:
        answer = device.http.request(method, f"{BASE}/{path}", content=body)
        assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    assert device.poll().status_code == 200


@on_sqlite
def test_wrong_tokens(device: Caller) -> None:
    for sent in ("", "Bearer", f"TargetToken {TOKEN}x", f"Basic {TOKEN}"):
        answer = device.http.get(BASE, headers={"Authorization": sent})
        assert (answer.status_code, "wrong token" in answer.json()["error"]) == (401, True)


@on_sqlite
def test_wrong_tokens_tire_an_address(device: Caller) -> None:
    """Guessing costs no database lookups in the end; devices that are known go on being served."""
    assert device.poll().status_code == 200
    loads = []
    original = device.presence.fetch

    async def counted(name: str) -> Any:
        loads.append(name)
        return await original(name)

    device.presence.fetch = counted
    answers = [
        device.http.get(f"/default/controller/v1/ghost{n}", headers={"Authorization": f"TargetToken {n}"})
        for n in range(30)
    ]
    assert [a.status_code for a in answers] == [401] * 5 + [429] * 25
    assert len(loads) == 5
    assert int(answers[-1].headers["retry-after"]) > 0
    assert device.poll().status_code == 200


def test_gateway_speaks_for_its_devices_only(device: Caller) -> None:
    with writing(device.instance.engine) as session:
        session.add(Token(id=7, name="gate", role="gateway", sha256=digest("secret")))
        session.flush()
        session.add(Device(id="behind", gateway_id=7))
    gate = {"Authorization": "GatewayToken secret"}
    assert device.http.get("/default/controller/v1/behind", headers=gate).status_code == 200
    assert device.http.get(BASE, headers=gate).status_code == 401
    with writing(device.instance.engine) as session:
        session.get_one(Token, 7).revoked_at = session.get_one(Device, "behind").created_at
    assert device.http.get("/default/controller/v1/behind", headers=gate).status_code == 401


def test_new_token_ends_the_old_one_at_once(device: Caller) -> None:
    assert device.poll().status_code == 200
    with writing(device.instance.engine) as session:
        session.get_one(Device, "d").token_sha256 = digest("new")
    assert device.poll().status_code == 401
    assert device.http.get(BASE, headers={"Authorization": "TargetToken new"}).status_code == 200
    with writing(device.instance.engine) as session:
        session.delete(session.get_one(Device, "d"))
    assert device.http.get(BASE, headers={"Authorization": "TargetToken new"}).status_code == 401


@on_sqlite
def test_rate_of_one_device(database: str, tmp_path: Path) -> None:
    app = create_app(Settings(database=database, store=str(tmp_path), device_rate=3))
    caller = Caller(app)
    with writing(caller.instance.engine) as session:
        enrol(session, ["d", "e"])
    assert [caller.poll().status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert caller.http.get("/default/controller/v1/e").status_code == 200
    caller.instance.engine.dispose()
