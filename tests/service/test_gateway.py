"""`tinymlaas gateway`: a real server, an emulated Pico on a serial port, and what goes wrong between them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import GatewayProcess, gateway
from tests.support.lab import Lab
from tests.support.service import DIGITS
from tests.support.signing import OTHER
from tinymlaas.demo_service import thief
from tinymlaas.demo_service.models import widened
from tinymlaas.device.transport import SerialDevice
from tinymlaas.planfmt import HEADER
from tinymlaas.sign import load_key, prepare, sign, signature_block

pytest_plugins = ["tests.support.lab_fixtures"]


@pytest.fixture
def running(lab: Lab) -> Iterator[GatewayProcess]:
    with gateway(lab.pico.port, folder=lab.folder) as process:
        yield process


def test_from_nothing_to_v1_to_v2(lab: Lab, running: GatewayProcess) -> None:
    began = time.monotonic()
    first = lab.assign(lab.upload())
    assert lab.action(first)["state"] == "confirmed"
    print(f"\nfrom nothing to v1 in {time.monotonic() - began:.1f} s")
    second = lab.assign(lab.upload())
    assert lab.action(second)["state"] == "confirmed"
    with lab.server.api() as api:
        device = api.get("/devices/pico-1").json()
    health = device["health"]
    assert (health["version"], health["selftest"]) == (2, True)
    assert 1000 < health["inference_us"] < 100_000
    assert device["capabilities"]["link"] == "gateway"
    assert running.end() == 0
    assert lab.infers() == "2 True"


def test_what_is_not_as_it_should_be_is_refused(lab: Lab, running: GatewayProcess) -> None:
    """Forged, altered, older and oversized modules, as a server that was taken over would send them; the old one runs on."""
    earlier = lab.upload()
    assert lab.action(lab.assign(earlier))["state"] == "confirmed"
    before = lab.upload()
    assert lab.action(lab.assign(before))["state"] == "confirmed"
    for change, words in (
        (lambda module: sign(module, OTHER, 1000), "no release key of this device vouches for"),
        (lambda module: module[:200] + bytes([module[200] ^ 1]) + module[201:], "not what was signed"),
        (lambda module: module[:-1] + bytes([module[-1] ^ 1]), "altered or forged"),
        (lambda module: module[:-168], "header says"),
        (None, "is older than"),
    ):
        version = lab.upload()
        lab.built(version)
        if change:
            assert thief.replace_modules(lab.folder / "data", "digits", version, change) > 0
        else:
            assert thief.replay(lab.folder / "data", "digits", earlier, version) > 0
        part = lab.action(lab.assign(version))
        print(f"\n{part['state']}: {part['reason']}", end="")
        assert part["state"] in ("failed", "rejected")
        assert words in part["reason"]
        assert lab.infers() == f"{before} True"


def test_oversized(lab: Lab, running: GatewayProcess) -> None:
    """By the verdict, before it is sent; and, when the server is wrong about it, by the board itself."""
    before = lab.upload()
    assert lab.action(lab.assign(before))["state"] == "confirmed"
    version = lab.upload(widened(DIGITS, [4096]))
    part = lab.action(lab.assign(version))
    assert (part["state"], "B in one block of heap are short" in part["reason"]) == ("rejected", True), part
    version = lab.upload(widened(DIGITS, [2500]))
    lab.built(version)
    thief.replace_modules(lab.folder / "data", "digits", version, bytes, arena_bytes=3000, module_bytes=20_000)
    part = lab.action(lab.assign(version))
    print("\n" + part["reason"])
    assert (part["state"], "largest free block" in part["reason"]) == ("failed", True), part
    assert lab.infers() == f"{before} True"


def test_a_self_test_that_fails(lab: Lab, running: GatewayProcess) -> None:
    """Rightly signed, but the board computes something else than the compiler said."""
    before = lab.running_version()
    version = lab.upload()
    lab.built(version)
    key = load_key(lab.folder / "data" / "keys" / "release.key", None)

    def wrong(module: bytes) -> bytes:
        ready = prepare(module, version)
        header = HEADER.unpack(ready)
        payload = bytearray(ready[HEADER.nbytes :])
        payload[header["selftests_offset"] + 4 - HEADER.nbytes] ^= 1  # an expected output, behind its seed
        ready = HEADER.pack(header | {"payload_sha256": hashlib.sha256(payload).digest()}) + bytes(payload)
        return ready + signature_block(ready, key)

    assert thief.replace_modules(lab.folder / "data", "digits", version, wrong) > 0
    part = lab.action(lab.assign(version))
    assert (part["state"], part["reason"]) == ("failed", "self-test: outputs differ from the compiler's")
    assert lab.infers() == f"{before} True"


# An app that infers from a timer, whatever else the Pico does.
_TIMER_APP = """
import machine
from tinyml.slots import Slots
app = Slots('digits')
app.model
runs = 0
def tick(timer):
    global runs
    app.model.run()
    runs += 1
timer = machine.Timer(period=100, callback=tick)
"""
_MAIN = "import time\nwhile True:\n    time.sleep_ms(10)\n"


def test_a_timer_infers_through_the_update(lab: Lab) -> None:
    """No reset, and the app's own object has the new model."""
    lab.running_version()
    lab.pico.run(_TIMER_APP)
    version = lab.upload()
    with gateway(lab.pico.port, folder=lab.folder) as process:
        process.wait_for("declared")
        before = lab.pico.value("runs")
        rollout = lab.assign(version)
        assert lab.action(rollout)["state"] == "confirmed"
    assert lab.pico.value("app.version") == version
    assert lab.pico.value("app.model.selftest()") is True
    assert lab.pico.value("runs") > before + 20
    lab.pico.run("timer.deinit()")


def test_a_program_starts_anew_after_a_visit(lab: Lab) -> None:
    lab.running_version()
    lab.pico.run(f"with open('main.py', 'w') as f:\n    f.write({_MAIN!r})")
    with SerialDevice(lab.pico.port) as device:
        device.start_program()
    version = lab.upload()
    rollout = lab.assign(version)
    with gateway(lab.pico.port, folder=lab.folder):
        assert lab.action(rollout)["state"] == "confirmed"
    with SerialDevice(lab.pico.port, soft_reset=False) as device:
        assert device.interrupted
        device.exec("import os\nos.remove('main.py')")
    assert lab.infers() == f"{version} True"


def test_cancel_before_the_upload(lab: Lab) -> None:
    """An offer that is taken back while no gateway runs."""
    before = lab.running_version()
    version = lab.upload()
    lab.built(version)
    first = lab.assign(version)
    again = lab.again(version)
    second = lab.assign(again)  # a newer one to the same device asks the older one back
    with gateway(lab.pico.port, folder=lab.folder):
        assert lab.action(first)["state"] == "canceled"
        assert lab.action(second)["state"] == "confirmed"
    assert lab.infers() == f"{again} True"
    assert again > before


def test_several_boards_and_one_that_is_not_there(lab: Lab, tmp_path: Path) -> None:
    """Trouble with one board does not touch the other; --once says that not all went well."""
    lab.running_version()
    rollout = lab.assign(lab.upload())
    gone = str(tmp_path / "gone")
    with gateway(lab.pico.port, gone, folder=lab.folder, options=("--health", "1")) as process:
        assert lab.action(rollout)["state"] == "confirmed"
        assert process.wait_for("health")["device"] == "pico-1"
        assert {event["kind"] for event in process.events if event["port"] == gone} == {"lost"}
    once = GatewayProcess(lab.pico.port, gone, folder=lab.folder, options=("--once",))
    assert once.process.wait(120) == 1


def test_a_board_that_nobody_enrolled(lab: Lab) -> None:
    identity = lab.pico.run("import os\nprint(open('/tinyml_ota.json').read())\nos.remove('/tinyml_ota.json')")
    with gateway(lab.pico.port, folder=lab.folder) as process:
        lost = process.wait_for("lost")
        assert "tinymlaas enrol" in lost["text"]
        process.end()
    lab.pico.run(f"with open('/tinyml_ota.json', 'w') as f:\n    f.write({identity!r})")
