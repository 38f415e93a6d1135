"""The operator's API: devices and groups; every bad request ends in a clear 4xx."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from tinymlaas.service.api import devices as devices_api


def test_a_device_is_enrolled_found_and_forgotten(idle):
    made = idle.admin.post("/api/v1/devices", json={"id": "p1", "name": "window", "groups": ["lab", "all"]})
    assert made.status_code == 201
    assert made.json()["token"].startswith("tml_")
    assert idle.admin.post("/api/v1/devices", json={"id": "p1"}).status_code == 409
    found = idle.admin.get("/api/v1/devices/p1").json()
    assert (found["name"], found["groups"], found["capabilities"], found["actions"]) == (
        "window",
        ["all", "lab"],
        None,
        [],
    )
    assert idle.admin.delete("/api/v1/devices/p1").status_code == 204
    assert idle.admin.get("/api/v1/devices/p1").status_code == 404
    assert idle.admin.get("/api/v1/groups").json() == []


def test_devices_are_listed_in_pages_by_group_and_words(idle):
    idle.admin.post("/api/v1/tokens", json={"name": "gw", "role": "gateway"})
    ids = [f"d{n:03}" for n in range(120)]
    body = {"ids": ids, "gateway": "gw", "groups": ["lab"]}
    assert idle.admin.post("/api/v1/devices/bulk", json=body).json() == {"added": 120}
    assert idle.admin.post("/api/v1/devices/bulk", json=body | {"ids": [*ids, "x_y"]}).json() == {"added": 1}
    pages, after = [], ""
    while after is not None:
        page = idle.admin.get("/api/v1/devices", params={"limit": 50, "after": after, "group": "lab"}).json()
        pages.append([d["id"] for d in page["items"]])
        after = page["next"]
    assert [len(p) for p in pages] == [50, 50, 21]
    assert [device for page in pages for device in page] == [*ids, "x_y"]
    words = [
        [d["id"] for d in idle.admin.get("/api/v1/devices", params={"q": q}).json()["items"]] for q in ("_", "119")
    ]
    assert words == [["x_y"], ["d119"]]


def test_groups_have_members(idle):
    for device in ("a", "b"):
        idle.admin.post("/api/v1/devices", json={"id": device})
        assert idle.admin.put(f"/api/v1/groups/lab/devices/{device}").status_code == 204
    assert idle.admin.put("/api/v1/groups/lab/devices/a").status_code == 204
    assert idle.admin.get("/api/v1/groups").json() == [{"group": "lab", "devices": 2}]
    assert idle.admin.delete("/api/v1/groups/lab/devices/a").status_code == 204
    assert idle.admin.delete("/api/v1/groups/lab/devices/a").status_code == 404
    assert idle.admin.put("/api/v1/groups/lab/devices/nobody").status_code == 404


def test_a_new_token_ends_the_old_one(idle):
    old = idle.admin.post("/api/v1/devices", json={"id": "p1"}).json()["token"]
    new = idle.admin.post("/api/v1/devices/p1/token").json()["token"]
    path = "/default/controller/v1/p1"
    assert idle.stranger.get(path, headers={"Authorization": f"TargetToken {new}"}).status_code == 200
    refused = idle.stranger.get(path, headers={"Authorization": f"TargetToken {old}"})
    assert refused.status_code == 401
    assert set(refused.json()) == {"error", "remedy"}


REQUESTS = [
    ("GET", "/nothing", {}, 404),
    ("GET", "/devices/nobody", {}, 404),
    ("GET", "/devices/../../etc", {}, 404),
    ("GET", "/devices/%00", {}, 422),
    ("GET", "/devices?limit=0", {}, 422),
    ("GET", "/devices?limit=1e9", {}, 422),
    ("GET", "/devices?after=%00", {}, 422),
    ("GET", "/devices?grop=lab", {}, 422),
    ("GET", "/builds/0", {}, 422),
    ("GET", "/builds/99999999999999999999", {}, 422),
    ("GET", "/builds/7/module", {}, 404),
    ("GET", "/builds?state=x", {}, 422),
    ("GET", "/models/digits/versions/1/source", {}, 404),
    ("GET", "/models/digits/fit", {}, 404),
    ("PATCH", "/devices", {}, 405),
    ("POST", "/devices", {"content": b"{"}, 422),
    ("POST", "/devices", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 422),
    ("POST", "/devices", {"json": [1]}, 422),
    ("POST", "/devices", {"json": {"id": "a b"}}, 422),
    ("POST", "/devices", {"json": {"id": "a", "admin": True}}, 422),
    ("POST", "/devices", {"json": {"id": "a", "name": "x" * 200}}, 422),
    ("POST", "/devices", {"json": {"id": "a", "gateway": "none"}}, 422),
    ("POST", "/devices", {"json": {"id": "a", "groups": ["g"] * 40}}, 422),
    ("POST", "/devices/bulk", {"json": {"ids": [], "gateway": "g"}}, 422),
    ("POST", "/models", {"json": {}}, 422),
    ("POST", "/models", {"data": {"name": "x"}}, 422),
    ("POST", "/models", {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    ("POST", "/tokens", {"json": {"name": "x", "role": "god"}}, 422),
    ("DELETE", "/tokens/nobody", {}, 404),
    ("POST", "/devices/nobody/assign", {"json": {"model": "digits"}}, 404),
    ("POST", "/rollouts", {"json": {"model": "digits", "group": "g", "stages": []}}, 422),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bad_request_is_answered_with_the_reason_and_the_remedy(idle):
    for method, path, more, status in REQUESTS:
        answer = idle.admin.request(method, f"/api/v1{path}", **more)
        assert answer.status_code == status, (method, path, answer.text)
        assert set(answer.json()) == {"error", "remedy"}, (method, path)
        assert answer.json()["error"], (method, path)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_is_away_is_said_so_without_its_secrets(idle, monkeypatch):
    def away(*_, **__):
        raise OperationalError("SELECT secret", {}, Exception("connection to postgresql://user:password@host refused"))

    monkeypatch.setattr(devices_api.devices, "listing", away)
    answer = idle.admin.get("/api/v1/devices")
    assert answer.status_code == 503
    assert "password" not in answer.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_defect_is_answered_without_its_traceback(idle, monkeypatch):
    monkeypatch.setattr(devices_api.devices, "listing", lambda *_: 1 / 0)
    answer = idle.admin.get("/api/v1/devices")
    assert (answer.status_code, answer.json()["error"]) == (500, "a defect of the service")


def test_metrics_count_what_there_is(idle):
    idle.admin.post("/api/v1/devices", json={"id": "p1"})
    assert "tinymlaas_devices 1\n" in idle.admin.get("/metrics").text
    assert idle.stranger.get("/healthz").json()["status"] == "ok"
