"""Who may do what, how often, and the log of what was done."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, text, update

from tinymlaas.errors import ServiceError
from tinymlaas.service import audit, tokens
from tinymlaas.service.database import reading, writing
from tinymlaas.service.limits import Buckets
from tinymlaas.service.tables import AuditEntry, Token


def test_the_first_admin_token_is_made_once(idle):
    with writing(idle.instance.engine) as session:
        assert tokens.first_admin(session) is None


def test_the_database_holds_no_secret(idle):
    with reading(idle.instance.engine) as session:
        rows = session.execute(text("SELECT * FROM token")).all()
    assert rows
    assert idle.admin_token not in str(rows)
    assert tokens.digest(idle.admin_token) in str(rows)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Bearer tml_" + "A" * 43, "Basic x", "Bearer \xff"])
def test_without_a_valid_token_nothing_is_told(idle, header):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = idle.stranger.get("/api/v1/models", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["remedy"]


ALLOWED = {
    ("GET", "/api/v1/models"): "viewer",
    ("POST", "/api/v1/models"): "operator",
    ("GET", "/api/v1/devices"): "viewer",
    ("POST", "/api/v1/devices"): "operator",
    ("POST", "/api/v1/devices/bulk"): "operator",
    ("DELETE", "/api/v1/devices/x"): "operator",
    ("POST", "/api/v1/devices/x/token"): "operator",
    ("POST", "/api/v1/devices/x/assign"): "operator",
    ("PUT", "/api/v1/groups/g/devices/x"): "operator",
    ("POST", "/api/v1/rollouts"): "operator",
    ("POST", "/api/v1/rollouts/1/rollback"): "operator",
    ("POST", "/api/v1/builds/1/retry"): "operator",
    ("GET", "/api/v1/builds/1/module"): "operator",
    ("GET", "/api/v1/signing"): "signer",
    ("POST", "/api/v1/signing/1"): "signer",
    ("GET", "/api/v1/keys"): "viewer",
    ("POST", "/api/v1/keys"): "admin",
    ("GET", "/api/v1/tokens"): "admin",
    ("POST", "/api/v1/tokens"): "admin",
    ("DELETE", "/api/v1/tokens/x"): "admin",
    ("GET", "/api/v1/audit"): "admin",
    ("GET", "/api/v1/audit/verify"): "admin",
    ("GET", "/metrics"): "viewer",
}
LADDER = ("viewer", "operator", "admin")


def test_each_role_may_do_its_own_and_what_lies_below(idle):
    for role in tokens.ROLES:
        client = idle.role(role)
        for (method, path), needed in ALLOWED.items():
            ladder = role in LADDER and needed in LADDER
            may = LADDER.index(role) >= LADDER.index(needed) if ladder else role == needed
            refused = client.request(method, path).status_code == 403
            assert refused == (not may), (role, method, path)


def test_every_route_but_health_needs_a_token(idle):
    routes = idle.stranger.get("/api/v1/openapi.json").json()["paths"]
    for path, methods in routes.items():
        for method in methods:
            answer = idle.stranger.request(method, path.replace("{", "").replace("}", ""))
            open_to_all = path == "/healthz"
            assert (answer.status_code != 401) == open_to_all or answer.status_code == 429, (method, path)


def test_a_revoked_token_ends_at_once_and_the_last_admin_stays(idle):
    made = idle.admin.post("/api/v1/tokens", json={"name": "eve", "role": "viewer"}).json()
    eve = idle.client(made["token"])
    assert eve.get("/api/v1/models").status_code == 200
    assert idle.admin.delete("/api/v1/tokens/eve").status_code == 204
    assert eve.get("/api/v1/models").status_code == 401
    assert idle.admin.delete("/api/v1/tokens/admin").status_code == 409
    assert idle.admin.post("/api/v1/tokens", json={"name": "eve", "role": "viewer"}).status_code == 409


def test_wrong_tokens_of_one_address_are_limited_and_right_ones_are_not(idle):
    wrong = [idle.client(f"tml_{n}").get("/api/v1/models").status_code for n in range(40)]
    assert wrong[0] == 401
    assert wrong[-1] == 429
    assert idle.admin.get("/api/v1/models").status_code == 200


def test_a_bucket_fills_again():
    at = [0.0]
    buckets = Buckets(60, burst=2, clock=lambda: at[0])
    assert [buckets.take("a") > 0 for _ in range(3)] == [False, False, True]
    assert buckets.take("b") == 0.0
    assert buckets.take("a") == pytest.approx(1.0)
    at[0] = 1.0
    assert [buckets.take("a") > 0 for _ in range(2)] == [False, True]


def test_what_is_done_is_in_the_log_by_whom(idle):
    idle.role("operator").post("/api/v1/devices", json={"id": "p1"})
    last = idle.admin.get("/api/v1/audit").json()["items"][-1]
    assert (last["actor"], last["verb"], last["subject"]) == ("a-operator", "device.enrol", "p1")


def _altered(idle, **values):
    with writing(idle.instance.engine) as session:
        for n in range(5):
            audit.append(session, "tester", "test", str(n), {"n": n})
    with writing(idle.instance.engine) as session:
        assert audit.verify(session).ok
        session.execute(update(AuditEntry).where(AuditEntry.id == 3).values(**values))
    return idle.admin.get("/api/v1/audit/verify").json()


@pytest.mark.parametrize("values", [{"actor": "nobody"}, {"detail": {"n": 9}}, {"sha256": "0" * 64}, {"id": 99}])
def test_an_altered_entry_breaks_the_chain(idle, values):
    found = _altered(idle, **values)
    assert not found["ok"]
    assert found["broken"] in (3, 4)


def test_many_writers_make_one_chain(idle):
    def write(name):
        for n in range(10):
            with writing(idle.instance.engine) as session:
                audit.append(session, name, "test", str(n))

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(idle.instance.engine) as session:
        found = audit.verify(session)
    assert found.ok
    assert found.entries == 40


def test_a_change_and_its_entry_stand_or_fall_together(idle):
    def stopped_half_way():
        with writing(idle.instance.engine) as session:
            tokens.create(session, "half", "viewer")
            audit.append(session, "tester", "token.create", "half")
            raise ServiceError(409, "stop")

    with pytest.raises(ServiceError):
        stopped_half_way()
    with reading(idle.instance.engine) as session:
        assert session.scalar(select(Token).where(Token.name == "half")) is None
        assert audit.verify(session).entries == 0


def test_no_secret_is_in_audit_or_listings(idle):
    secret = idle.admin.post("/api/v1/devices", json={"id": "p1"}).json()["token"]
    for path in ("/api/v1/audit", "/api/v1/tokens", "/api/v1/devices", "/api/v1/devices/p1", "/metrics"):
        body = idle.admin.get(path).text
        assert secret not in body
        assert idle.admin_token not in body
        assert tokens.digest(secret) not in body
