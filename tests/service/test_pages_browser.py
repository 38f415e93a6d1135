"""The pages as people use them: a real server, real Chromium, devices that speak the real protocol. Pictures: build/screenshots/."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.browser import DESKTOP, PHONE, chromium, tab
from tests.support.service import DIGITS, LABELS, ROOT, served, wait_until
from tests.support.speaker import speaker
from tinymlaas.service import simulate
from tinymlaas.service.client import Client
from tinymlaas.service.wire import parse_url

TFLITE = ROOT / "device/examples/digits/digits.tflite"
PAGES = ("/", "/devices/window-1", "/models", "/models/digits", "/rollouts", "/rollouts/1", "/nothing")


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Polled every second, so that a test need not wait."""
    with served(tmp_path_factory.mktemp("pages") / "data", "--poll-interval", "1") as found:
        yield found


@pytest.fixture
def desk(browser, server):
    """The admin's browser."""
    with tab(browser, server.url) as opened:
        opened.sign_in(server.token)
        yield opened


@contextlib.contextmanager
def fleet_of(server, number, group):
    """Simulated devices that live while the block runs."""
    ids = [f"{group}-{n:02}" for n in range(1, number + 1)]
    with Client(server.url, server.token) as client:
        token = simulate.enrol(client, ids, group)
    devices = simulate.build(ids, token)
    crowd = simulate.Fleet(parse_url(server.url), devices, simulate.Habits(interval=0.3), connections=4)
    loop, done = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(crowd.run(done),))
    thread.start()
    try:
        yield ids
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        loop.close()
        assert crowd.complaints() == []


@pytest.fixture
def porch(server):
    """A device of its own that runs digits; the model is uploaded where no test before has done so."""
    device = speaker(server, "porch-1", name="Porch", groups=["porch"])
    device.declare()
    with server.api() as api:
        if api.get("/models/digits").status_code == 404:
            api.post("/models", data={"name": "digits", "labels": LABELS}, files={"file": ("digits.tflite", DIGITS)})
        assert api.post("/devices/porch-1/assign", json={"model": "digits"}).status_code == 201
    wait_until(device.offered, 240)
    device.install()
    return device


def token_of(server, role):
    with server.api() as api:
        name = f"{role}-{len(api.get('/tokens').json())}"
        return api.post("/tokens", json={"name": name, "role": role}).json()["token"]


# In order: each test finds what those before it left.


def test_the_first_start_shows_how_to_enrol(desk):
    desk.page.get_by_text("No device yet").wait_for()
    assert "tinymlaas enrol window-1" in desk.page.inner_text("main")
    desk.shoot("first-start")
    assert desk.complaints == []


def test_a_device_is_enrolled_by_the_form(desk, server):
    page = desk.page
    page.get_by_label("Id", exact=True).fill("garage-1")
    page.get_by_label("Group", exact=True).fill("yard")
    page.get_by_role("button", name="Enrol").click()
    page.get_by_role("heading", name="garage-1 is enrolled").wait_for()
    assert page.get_by_label("Token").inner_text() in page.get_by_label("Its identity").inner_text()
    desk.shoot("enrolled")
    check(desk, "the page after enrolling")
    page.get_by_role("link", name="Go to garage-1").click()
    page.get_by_text("Forget this device").click()
    desk.shoot("device-forget")
    page.get_by_role("button", name="Forget garage-1").click()
    page.get_by_text("No device yet").wait_for()
    assert desk.complaints == []


def test_an_upload_is_dropped_given_and_seen_to_arrive(desk, server):
    """Compiling, download, self-test, running: all without a click or a reload."""
    device, page = speaker(server, "window-1", name="Kitchen window", groups=["lab"]), desk.page
    page.get_by_role("link", name="Kitchen window").wait_for()  # it appears by itself
    device.declare()
    row = page.locator("#device-window_2d_1")
    row.get_by_text("ready for a model").wait_for()
    page.reload()
    drop(page, TFLITE, page.locator(".drop"))
    page.locator("form.upload").get_by_label("Give it to").fill("window-1")
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/devices/window-1")
    page.get_by_text("compiled, signed and offered").wait_for(timeout=240_000)
    assert device.offered()
    device.tell("download", progress=(6100, 10_000))
    page.get_by_text("digits v1: downloading 61 %").wait_for()
    assert page.locator("#now progress").get_attribute("value") == "61"
    desk.shoot("device-downloading")
    desk.go("/")
    row.get_by_text("downloading 61 %").wait_for()
    device.tell("proceeding")
    row.get_by_text("in self-test").wait_for()
    device.tell("closed", "success", "self-test passed", health=device.health())
    row.get_by_text("running digits v1: self-test passed").wait_for()
    assert "4.23 ms" in row.inner_text()
    page.wait_for_timeout(2500)
    assert "on the way" not in page.inner_text("#summary")
    assert desk.complaints == []


def drop(page, path, onto):
    """A file from the desktop, let go at the upper edge of an element."""
    onto.scroll_into_view_if_needed()
    box = onto.bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 8}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def test_a_refusal_says_the_number_that_is_short_and_the_remedy(desk, server):
    small = speaker(server, "cellar-1", name="Cellar", groups=["lab"])
    small.declare(heap_free=9000, heap_block=6000)
    page = desk.page
    desk.go("/devices/cellar-1")
    page.get_by_role("button", name="Give").click()
    said = page.locator("#now .state", has_text="refused")
    said.wait_for()
    assert "are short" in said.inner_text()
    assert "use a model with smaller images" in page.inner_text("#now .remedy")
    desk.shoot("device-refused")
    assert desk.complaints == []


def test_health_is_drawn_and_what_changed_is_listed(desk, server):
    device = speaker(server, "attic-1", name="Attic", groups=["lab"])
    device.declare()
    with server.api() as api:
        api.post("/devices/attic-1/assign", json={"model": "digits"})
    wait_until(device.offered)
    device.install()
    for n in range(40):
        device.report(inference_us=4200 + 60 * (n % 7), heap_free=151_000 - 700 * (n % 11), errors=n // 13)
    device.declare(clock_hz=133_000_000, heap_free=140_000)
    desk.go("/devices/attic-1")
    charts = desk.page.locator("svg.chart")
    assert charts.count() == 3
    assert (
        charts.first.get_attribute("aria-label")
        == "Inference time: 4.2 ms to 4.56 ms in 41 reports, 4.44 ms in the last"
    )
    assert "clock 125 MHz → 133 MHz" in desk.page.inner_text("#capabilities")
    desk.shoot("device")
    assert desk.complaints == []


def test_a_rollout_goes_through_its_stages(desk, server):
    page = desk.page
    with fleet_of(server, 12, "hall"):
        desk.go("/rollouts")
        page.get_by_label("Group").select_option("hall")
        page.get_by_label("Stages").fill("25, 50, 100")
        page.get_by_label("wait for approval").check()
        page.get_by_role("button", name="Start").click()
        page.get_by_text("waits for approval").wait_for()
        page.get_by_role("button", name="Approve").click()
        page.locator(".now").wait_for()
        desk.shoot("rollout-running")
        page.locator("#head", has_text="finished").wait_for(timeout=240_000)
        assert page.locator("#parts tbody tr").count() == 12
        desk.shoot("rollout")
        desk.go("/")
        page.get_by_text("running digits v1").nth(9).wait_for()
        desk.shoot("fleet")
    assert desk.complaints == []


def test_by_keyboard_alone(browser, server, porch):
    """Sign in, skip to the content, filter, open a device, give it a model, sign out: Tab, Enter, and typing."""
    with tab(browser, server.url) as opened:
        page, keys = opened.page, opened.page.keyboard
        opened.go("/")
        keys.type(server.token)  # the field has the focus
        keys.press("Enter")
        page.get_by_role("heading", name="Fleet").wait_for()
        keys.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        keys.press("Enter")
        reach(page, "Name or id")
        keys.type("porch")
        keys.press("Enter")
        page.wait_for_url("**/?q=porch*")
        reach(page, "Porch")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.wait_for_timeout(2500)  # polls do not take the focus away
        assert page.evaluate("document.activeElement.textContent") == "Porch"
        keys.press("Enter")
        page.wait_for_url("**/devices/porch-1")
        reach(page, "Give")
        keys.press("Enter")
        page.locator("article.action").nth(1).wait_for()
        reach(page, "Sign out")
        keys.press("Enter")
        page.wait_for_url("**/sign-in")
        assert opened.complaints == []


def reach(page, name):
    """Tab until what has the focus is called so."""
    for _ in range(80):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "(e => (e.labels && e.labels.length ? e.labels[0].textContent : e.textContent).trim())(document.activeElement)"
        )
        if found.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to '{name}'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_sticks_out_and_nothing_is_out_of_reach(browser, server, scheme):
    """At 360 pixels, by axe's rules of WCAG 2 A and AA (contrast among them)."""
    for size, kind in ((PHONE, "phone"), (DESKTOP, "desktop")):
        with tab(browser, server.url, size, color_scheme=scheme) as opened:
            opened.go("/sign-in")
            check(opened, "/sign-in")
            opened.shoot(f"sign-in-{kind}-{scheme}")
            opened.sign_in(server.token)
            for path in PAGES:
                opened.go(path)
                check(opened, path)
                opened.shoot(f"{path.strip('/').replace('/', '-') or 'fleet'}-{kind}-{scheme}")
            assert [c for c in opened.complaints if "404" not in c] == []


def check(opened, path):
    assert opened.overflow() <= 0, path
    found = Axe().run(opened.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    assert found.violations_count == 0, (path, found.generate_report())


def test_a_viewer_sees_no_buttons(browser, server):
    with tab(browser, server.url) as opened:
        opened.sign_in(token_of(server, "viewer"))
        for path in PAGES[:-1]:
            opened.go(path)
            buttons = opened.page.get_by_role("button").all_inner_texts()
            assert set(buttons) <= {"Sign out", "Show"}, path
        assert opened.complaints == []


def test_without_javascript_everything_can_be_read_and_given(browser, server):
    with tab(browser, server.url, java_script_enabled=False) as opened:
        opened.sign_in(server.token)
        assert opened.page.get_by_role("link", name="Attic").is_visible()
        form = opened.page.locator("form", has=opened.page.get_by_role("heading", name="Give a model"))
        form.get_by_label("To").fill("lab")
        form.get_by_role("button", name="Give").click()
        opened.page.wait_for_url("**/rollouts/*")
        assert "group lab" in opened.page.inner_text("main")


def test_names_are_text_and_the_policy_blocks_what_is_not_ours(browser, server):
    with server.api() as api:
        api.post(
            "/devices", json={"id": "evil", "name": "<img src=x onerror=\"document.title='owned'\">", "groups": ["x"]}
        )
    with tab(browser, server.url) as opened:
        opened.sign_in(server.token)
        opened.go("/?q=evil")
        assert opened.page.get_by_role("link", name="<img src=x").is_visible()
        assert "Fleet" in opened.page.title()
        assert opened.complaints == []
        opened.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))"
        )
        assert "Fleet" in opened.page.title()
        assert any("Content Security Policy" in c for c in opened.complaints)


def test_a_hidden_page_does_not_poll(desk):
    asked = []
    desk.page.on("request", lambda request: asked.append(request.url) if "seen=" in request.url else None)
    desk.go("/")
    desk.page.wait_for_timeout(4500)
    assert len(asked) >= 1
    desk.page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    desk.page.wait_for_timeout(300)
    asked.clear()
    desk.page.wait_for_timeout(4500)
    assert asked == []
    assert desk.complaints == []


def test_a_form_from_another_site_comes_without_the_cookie(browser, server):
    with tab(browser, server.url) as opened:
        opened.sign_in(server.token)
        page = opened.page
        page.goto("about:blank")
        page.set_content(
            f'<form method="post" action="{server.url}/give"><input name="model" value="digits"><input name="to" value="lab">'
            "<button>Win a prize</button></form>"
        )
        page.get_by_role("button", name="Win").click()
        page.wait_for_url("**/sign-in")


def test_labels_of_a_model_are_shown(desk, server):
    with server.api() as api:
        api.post("/models", data={"name": "named", "labels": LABELS}, files={"file": ("m.tflite", DIGITS)})
    desk.go("/models/named")
    desk.page.get_by_text("0, 1, 2, 3").wait_for()
    desk.shoot("model")
    assert desk.complaints == []
