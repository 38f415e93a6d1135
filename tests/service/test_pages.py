"""The pages without a browser: signing in, roles, forged forms, bad input, and what is polled."""

from __future__ import annotations

import html
import re

import pytest

from tests.support import fleet
from tests.support.fleet import enrol, settle, version
from tests.support.service import DIGITS
from tinymlaas.device.identity import parse_identity
from tinymlaas.service import rollouts
from tinymlaas.service.database import writing
from tinymlaas.service.pages import charts, models
from tinymlaas.service.pages import rollouts as rollout_pages
from tinymlaas.service.tables import SignIn, now

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
XSS = "<script>alert(1)</script>"


class Visit:
    """A browser without JavaScript: keeps its cookie, and sends the forms of the page it sees."""

    def __init__(self, service, token):
        self.client = service.client("")
        self.client.headers.clear()
        self.answer = self.client.post("/sign-in", data={"token": token})

    def get(self, path, **options):
        return self.client.get(path, **options)

    @property
    def csrf(self):
        return re.search(r'name="csrf" value="(\w+)"', self.get("/").text)[1]

    def post(self, path, data=None, **options):
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, **options)


@pytest.fixture
def admin(idle):
    return Visit(idle, idle.admin_token)


def visit(idle, role):
    made = idle.admin.post("/api/v1/tokens", json={"name": f"{role}-person", "role": role}).json()
    return Visit(idle, made["token"])


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_back(idle):
    client = idle.client("")
    asked = client.get("/models?after=a", follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=%2Fmodels%3Fafter%3Da")
    form = client.get(asked.headers["location"]).text
    assert 'name="back" value="/models?after=a"' in form
    data = {"token": idle.admin_token, "back": "/models?after=a"}
    entered = client.post("/sign-in", data=data, follow_redirects=False)
    assert entered.headers["location"] == "/models?after=a"
    cookie = entered.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert idle.admin_token not in cookie
    assert "Secure" not in cookie
    over_tls = client.post("https://testserver/sign-in", data=data, follow_redirects=False)
    assert "Secure" in over_tls.headers["set-cookie"]
    assert client.get("/models").status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\n"]
)
def test_signing_in_leads_nowhere_else(idle, elsewhere):
    data = {"token": idle.admin_token, "back": elsewhere}
    entered = idle.stranger.post("/sign-in", data=data, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")


def test_a_session_ends_with_sign_out_with_its_token_and_with_time(idle, admin):
    cookie = admin.client.cookies["tinymlaas"]
    assert admin.post("/sign-out").url.path == "/sign-in"
    admin.client.cookies.set("tinymlaas", cookie)
    assert admin.get("/").url.path == "/sign-in"

    viewer = visit(idle, "viewer")
    assert viewer.get("/").url.path == "/"
    idle.admin.delete("/api/v1/tokens/viewer-person")
    assert viewer.get("/").url.path == "/sign-in"

    again = Visit(idle, idle.admin_token)
    with writing(idle.instance.engine) as session:
        for row in session.query(SignIn):
            row.expires_at = now()
    assert again.get("/").url.path == "/sign-in"
    poll = again.get("/?seen=", headers={"HX-Request": "true"}, follow_redirects=False)
    assert (poll.status_code, poll.headers["hx-redirect"].partition("?")[0]) == (204, "/sign-in")


def test_only_people_sign_in_and_not_too_often(idle):
    for role in ("signer", "gateway"):
        refused = visit(idle, role).answer
        assert (refused.status_code, "the pages are for" in refused.text) == (403, True)
    found = {Visit(idle, "wrong").answer.status_code for _ in range(idle.instance.settings.login_rate + 1)}
    assert found == {401, 429}
    limited = Visit(idle, "wrong").answer
    assert "wait " in limited.text


def test_a_viewer_sees_no_buttons_and_can_change_nothing(idle):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1"], group="lab")
        made = version(idle.instance, session)
        rollouts.create(session, made, rollouts.Plan("lab"), "test")
    viewer, forms = visit(idle, "viewer"), []
    for path in ("/", "/devices/d1", "/models", "/models/digits", "/rollouts", "/rollouts/1"):
        page = viewer.get(path)
        assert page.status_code == 200, path
        forms += re.findall(r'method="post" action="([^"]+)"', page.text)
    assert set(forms) == {"/sign-out"}
    for path in CHANGES:
        refused = viewer.post(
            path, {"model": "digits", "to": "d1", "group": "lab", "device": "d2"}, files={"file": ("m.tflite", b"x")}
        )
        assert refused.status_code == 403, path
        assert "viewer" in refused.text
    for path in ("/models/digits/versions/1/source", "/builds/1/module"):
        assert viewer.get(path).status_code == 403


CHANGES = [
    "/give",
    "/models",
    "/models/digits/versions/1/again",
    "/builds/1/retry",
    "/devices/d1/groups/join",
    "/devices/d1/groups/leave",
    "/devices/d1/token",
    "/devices/d1/forget",
    "/devices",
    "/rollouts",
    "/rollouts/1/approve",
    "/rollouts/1/pause",
    "/rollouts/1/resume",
    "/rollouts/1/rollback",
]


@SQLITE
def test_a_form_that_somebody_else_made_changes_nothing(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1"], group="lab")
        version(idle.instance, session)
    form = {"model": "digits", "to": "d1", "group": "lab", "device": "d2"}
    other = Visit(idle, idle.admin_token).csrf
    for path in [*CHANGES, "/sign-out"]:
        for data, headers in [
            (form, {}),
            ({**form, "csrf": "0" * 64}, {}),
            ({**form, "csrf": other}, {}),  # of another sign-in
            ({**form, "csrf": admin.csrf}, {"Sec-Fetch-Site": "cross-site"}),
        ]:
            assert admin.client.post(path, data=data, headers=headers).status_code == 403, (path, data)
    forged = idle.stranger.post(
        "/sign-in", data={"token": idle.admin_token}, headers={"Sec-Fetch-Site": "cross-site"}, follow_redirects=False
    )
    assert forged.status_code == 403
    assert idle.admin.get("/api/v1/rollouts").json()["items"] == []
    verbs = {entry["verb"] for entry in idle.admin.get("/api/v1/audit", params={"limit": 500}).json()["items"]}
    assert verbs <= {"token.create"}


BAD = [
    ("GET", "/nothing", {}, 404, "fleet"),
    ("GET", "/devices/nobody", {}, 404, "there is no device"),
    ("GET", "/devices/%00", {}, 422, ""),
    ("GET", "/models/nobody", {}, 404, "there is no model"),
    ("GET", "/models/digits?version=9", {}, 404, "no version 9"),
    ("GET", "/models/digits?version=x", {}, 422, ""),
    ("GET", "/rollouts/9", {}, 404, "there is no rollout"),
    ("GET", "/rollouts/x", {}, 422, ""),
    ("GET", f"/rollouts/{2**40}", {}, 422, ""),
    ("GET", "/rollouts/1?state=x", {}, 422, ""),
    ("GET", "/?q=%00", {}, 422, ""),
    ("PUT", "/models", {}, 405, ""),
    ("POST", "/give", {"model": "digits", "to": "nobody"}, 404, "no device or group"),
    ("POST", "/give", {"model": "nobody", "to": "d1"}, 404, "there is no model"),
    ("POST", "/give", {"model": "digits", "to": "d1", "version": "x"}, 422, ""),
    ("POST", "/give", {"model": "digits", "to": "both"}, 409, "device:both"),
    ("POST", "/models", {"name": "a"}, 422, "no file was chosen"),
    ("POST", "/rollouts", {"model": "digits", "group": "lab", "stages": "5, x"}, 422, "are no stages"),
    ("POST", "/rollouts", {"model": "digits", "group": "lab", "stages": "50, 20"}, 422, "rising"),
    ("POST", "/rollouts", {"model": "digits", "group": "lab", "failed_percent": "1e9"}, 422, "is no number"),
    ("POST", "/rollouts", {"model": "digits", "group": "nobody"}, 404, "no device in group"),
    ("POST", "/rollouts/9/pause", {}, 404, ""),
    ("POST", "/rollouts/1/explode", {}, 422, ""),
    ("POST", "/devices/d1/groups/join", {"group": "a b"}, 422, ""),
    ("POST", "/builds/1/retry", {}, 404, "no build"),
    ("POST", "/devices", {}, 422, "device"),
    ("POST", "/devices", {"device": "a b"}, 422, "device"),
    ("POST", "/devices", {"device": "d1"}, 409, "there is a device"),
    ("POST", "/devices", {"device": "d3", "group": "a b"}, 422, "group"),
    ("POST", "/devices", {"device": "d3", "gateway": "nobody"}, 422, "no gateway token"),
    ("POST", "/devices/nobody/forget", {}, 404, "there is no device"),
]


@SQLITE
def test_bad_input_ends_in_a_page_that_says_why(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1"], group="lab")
        enrol(session, ["both"], group="both")
        version(idle.instance, session)
    for method, path, form, status, words in BAD:
        send = {"GET": admin.get, "POST": lambda p, form=form: admin.post(p, form)}
        answer = send.get(method, lambda p: admin.client.put(p))(path)
        assert answer.status_code == status, (method, path, answer.text[-400:])
        assert answer.headers["content-type"].startswith("text/html")
        assert words in answer.text, (path, answer.text[-400:])
        assert "Traceback" not in answer.text
    assert idle.stranger.get("/api/v1/nothing").json()["error"]


def test_a_device_is_enrolled_speaks_and_is_forgotten(idle, admin):
    form = {"device": "window-1", "name": "Kitchen window", "group": "lab"}
    answer = admin.post("/devices", form)
    assert answer.status_code == 200
    shown = re.search(r'aria-label="Its identity">([^<]+)<', answer.text)[1]
    identity = parse_identity(html.unescape(shown))
    assert identity.token in answer.text.replace(shown, "")
    assert (identity.server, identity.device) == ("http://testserver", "window-1")
    polled = idle.client("").get(
        "/default/controller/v1/window-1", headers={"Authorization": f"TargetToken {identity.token}"}
    )
    assert polled.status_code == 200
    found = idle.admin.get("/api/v1/devices/window-1").json()
    assert (found["name"], found["groups"]) == ("Kitchen window", ["lab"])
    assert identity.token not in admin.get("/devices/window-1").text
    assert admin.post("/devices/window-1/forget").url.path == "/"
    assert idle.admin.get("/api/v1/devices/window-1").status_code == 404
    verbs = [e["verb"] for e in idle.admin.get("/api/v1/audit", params={"limit": 500}).json()["items"]]
    assert {"device.enrol", "device.delete"} <= set(verbs)


def test_a_device_behind_a_gateway_gets_no_token(idle, admin):
    assert "behind gateway" not in admin.get("/").text
    idle.admin.post("/api/v1/tokens", json={"name": "cellar", "role": "gateway"})
    assert "behind gateway cellar" in admin.get("/").text
    answer = admin.post("/devices", {"device": "d1", "gateway": "cellar"})
    assert "the gateway cellar speaks for it" in answer.text
    assert "tinymlaas gateway" in answer.text
    assert idle.admin.get("/api/v1/devices/d1").json()["gateway"] == "cellar"


@SQLITE
def test_defects_and_a_database_that_is_away_show_nothing_of_the_inside(idle, admin, monkeypatch):
    from sqlalchemy.exc import OperationalError

    from tinymlaas.service.pages import fleet as fleet_page

    secret = OperationalError("SELECT secret", {}, Exception("postgresql://user:password@host refused"))
    for error, status in ((secret, 503), (ZeroDivisionError("inside"), 500)):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(fleet_page.devices, "listing", fail)
        answer = admin.get("/")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (status, "text/html")
        assert not any(word in answer.text for word in ("secret", "password", "inside", "Traceback"))


@SQLITE
def test_a_body_that_is_too_large_is_refused_with_a_page(idle, admin):
    refused = admin.post("/give", {"model": "x" * (idle.instance.settings.max_request_bytes + 1)})
    assert refused.status_code == 413
    assert "larger than" in refused.text
    sent = (chunk for chunk in [b"csrf=", b"x" * 70_000])  # without a length
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert admin.client.post("/give", content=sent, headers=headers).status_code == 413


@SQLITE
def test_every_page_has_the_policy_and_no_script_or_style_of_its_own(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1"], group="lab")
        made = version(idle.instance, session)
        rollouts.create(session, made, rollouts.Plan("lab"), "test")
    settle(idle.instance)
    for path in ("/", "/sign-in", "/devices/d1", "/models", "/models/digits", "/rollouts", "/rollouts/1", "/nothing"):
        page = admin.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)|javascript:", page.text), path


def test_names_from_people_and_devices_are_text(idle, admin):
    idle.admin.post("/api/v1/devices", json={"id": "d1", "name": XSS, "groups": ["lab"]})
    said = fleet.says("d1")
    with writing(idle.instance.engine) as session:
        said.body["board"] = XSS
        fleet.declare(session, {"d1": said})
        made = version(idle.instance, session)
        made.note, made.labels = XSS, [XSS]
        rollouts.assign(session, "d1", made, "test")
    settle(idle.instance)
    fleet.answer(idle.instance, 1, "closed", "failure", detail=XSS)
    for path in ("/", "/devices/d1", "/models", "/models/digits", "/rollouts/1", f"/?q={XSS}", "/models/%3Cscript%3E"):
        text = admin.get(path).text
        assert XSS not in text, path
        assert "&lt;script&gt;" in text, path


def test_a_poll_brings_only_what_changed(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1", "d2"], group="lab")
    page = admin.get("/").text
    seen = re.search(r"&#34;seen&#34;: &#34;(\w+)&#34;", page)[1]

    def poll():
        return admin.get("/", params={"seen": seen}, headers={"HX-Request": "true"})

    assert (poll().status_code, poll().text) == (204, "")
    with writing(idle.instance.engine) as session:
        rollouts.assign(session, "d2", version(idle.instance, session), "test")
    settle(idle.instance)
    news = poll()
    assert news.status_code == 200
    assert re.findall(r'hx-swap-oob="true" id="([^"]+)"', news.text) == ["summary", "device-d2"]
    seen = re.search(r"&#34;seen&#34;: &#34;(\w+)&#34;", news.text)[1]
    assert poll().status_code == 204
    with writing(idle.instance.engine) as session:
        enrol(session, ["d3"])
    assert re.findall(r'hx-swap-oob="true" id="([^"]+)"', poll().text) == ["summary", "devices"]


@SQLITE
def test_a_large_fleet_comes_in_pages_and_filtered(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, [f"d{n:03}" for n in range(120)], group="all", declared=False)
        enrol(session, ["x"], group="lab")
    found, path = [], "/"
    while path:
        text = admin.get(path).text
        found += re.findall(r'id="to-device-\w+" href="/devices/(\w+)"', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = following and following[1].replace("&amp;", "&")
    assert found == [*(f"d{n:03}" for n in range(120)), "x"]
    assert re.findall(r'href="/devices/(\w+)"', admin.get("/?group=lab").text) == ["x"]
    assert re.findall(r'href="/devices/(\w+)"', admin.get("/?q=119").text) == ["d119"]
    assert "No device has “nobody”" in admin.get("/?q=nobody").text


@SQLITE
def test_the_first_page_says_how_to_enrol_a_device(admin):
    text = admin.get("/").text
    assert "No device yet" in text
    for command in ("tinymlaas enrol window-1 --on /dev/ttyACM0", "tinymlaas gateway --port /dev/ttyACM0"):
        assert f"{command} --server http://testserver" in text


@SQLITE
def test_an_admin_gives_a_device_a_new_token_that_is_shown_once(idle, admin):
    old = idle.admin.post("/api/v1/devices", json={"id": "d1"}).json()["token"]
    shown = admin.post("/devices/d1/token")
    new = re.search(r"tml_[\w-]+", shown.text)[0]
    path = "/default/controller/v1/d1"
    assert idle.stranger.get(path, headers={"Authorization": f"TargetToken {new}"}).status_code == 200
    assert idle.stranger.get(path, headers={"Authorization": f"TargetToken {old}"}).status_code == 401
    assert new not in admin.get("/devices/d1").text


@SQLITE
def test_a_rollout_is_approved_paused_resumed_and_rolled_back(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1", "d2", "d3", "d4"], group="lab")
        version(idle.instance, session, source="a")
        version(idle.instance, session, source="b")
    form = {"model": "digits", "version": "1", "group": "lab", "stages": "100"}
    assert admin.post("/rollouts", form).url.path == "/rollouts/1"
    settle(idle.instance)
    fleet.answer(idle.instance, 1)
    settle(idle.instance)
    form = {"model": "digits", "group": "lab", "stages": "25, 100", "failed_percent": "10", "needs_approval": "1"}
    page = admin.post("/rollouts", form)
    assert (page.url.path, "waits for approval" in page.text) == ("/rollouts/2", True)
    assert "to 25 %" in admin.post("/rollouts/2/approve").text
    settle(idle.instance)
    assert "paused by admin" in admin.post("/rollouts/2/pause").text
    assert admin.post("/rollouts/2/approve").status_code == 409
    assert "Pause" in admin.post("/rollouts/2/resume").text
    settle(idle.instance)
    fleet.answer(idle.instance, 2, "closed", "failure", detail="self-test: vector 0 differs")
    settle(idle.instance)
    page = admin.get("/rollouts/2").text
    assert "stopped" in page
    assert "self-test: vector 0 differs" in page
    back = admin.post("/rollouts/2/rollback")
    assert (back.status_code, back.url.path) == (200, "/rollouts/3")
    assert "Taken back by" in admin.get("/rollouts/2").text


@SQLITE
def test_an_upload_names_itself_after_its_file_and_goes_to_a_group(idle, admin):
    with writing(idle.instance.engine) as session:
        enrol(session, ["d1"], group="lab")
    files = {"file": ("My Digits (2).tflite", DIGITS)}
    refused = admin.post("/models", {"to": "nobody"}, files=files)
    assert refused.status_code == 404
    assert admin.post("/models", {"to": "lab", "labels": "a\nb"}, files=files).url.path == "/rollouts/1"
    uploaded = idle.admin.get("/api/v1/models/my-digits-2").json()[0]
    assert (uploaded["created_by"], uploaded["labels"]) == ("admin", ["a", "b"])
    assert admin.get("/models/my-digits-2/versions/1/source").content == DIGITS
    assert "fits" in admin.get("/models/my-digits-2").text
    bad = admin.post("/models", {}, files={"file": ("m.tflite", b"nonsense")})
    assert (bad.status_code, "not a .tflite file" in bad.text) == (422, True)


@SQLITE
def test_devices_of_a_board_that_differ_a_little_are_one_row_of_the_fit_table(idle, admin):
    """The one that is shortest of all."""
    with writing(idle.instance.engine) as session:
        enrol(session, [f"d{n}" for n in range(6)], declared=False)
        heaps = [190_000, 180_000, 170_000, 8_000, 7_600, 7_000]
        fleet.declare(session, {f"d{n}": fleet.says(f"d{n}", heap) for n, heap in enumerate(heaps)})
        made = version(idle.instance, session)
        rollouts.create(session, made, rollouts.Plan("all"), "test")
    settle(idle.instance)
    fit = admin.get("/models/digits").text.partition('id="fit"')[2].partition("</table>")[0]
    assert fit.count("3 in the fleet") == 2
    assert "6\u202f144 B are free" in fit
    assert "7\u202f168 B are free" not in fit


def test_small_things():
    assert [models.name_of(n) for n in ("C:\\x\\A b.tflite", "../../Etc", "Ü.tflite", "a.b.tflite")] == [
        "a-b",
        "etc",
        "",
        "a.b",
    ]
    assert rollout_pages.parse_stages(" 5, 25 % 100") == [5, 25, 100]
    assert sum(piece.width for piece in rollout_pages.bar({"confirmed": 2, "failed": 1})) == pytest.approx(
        100, abs=0.02
    )
    for low, high in [(0, 0), (7, 7), (4123, 4900), (0, 1), (10**6, 10**9), (1000, 1001)]:
        ticks = charts.ticks(low, high)
        assert 2 <= len(ticks) <= 6
        assert ticks[0] <= low <= high <= ticks[-1]
