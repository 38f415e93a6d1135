"""`tinymlaas gateway`: a real server, an emulated Pico on a serial port, and what goes wrong between them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.gateway import GatewayProcess, gateway
from tests.support.lab import Lab
from tests.support.service import DIGITS
from tests.support.signing import OTHER
from tinymlaas.demo_service import thief
from tinymlaas.demo_service.models import widened
from tinymlaas.sign import sign

pytest_plugins = ["tests.support.lab"]


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
