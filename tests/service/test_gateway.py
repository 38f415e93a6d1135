"""`tinymlaas gateway`: a real server, an emulated Pico on a serial port, and what goes wrong between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.gateway import GatewayProcess, WiredPico, gateway, wired_pico
from tests.support.service import DIGITS, LABELS, Served, served, wait_until
from tests.support.signing import OTHER
from tinymlaas.cli.app import app
from tinymlaas.demo_service import thief
from tinymlaas.demo_service.models import widened
from tinymlaas.sign import sign

ENDED = ("confirmed", "failed", "rejected", "canceled")
# Inference with whatever runs, on a digit of zeros: the label, and that the module's own test vectors come out right.
INFER = "import tinyml.slots\ns = tinyml.slots.Slots('digits')\ns.model.run()\nprint(s.version, s.model.selftest())"


class Lab:
    """A server, its folder, and a Pico."""

    def __init__(self, server: Served, folder: Path, pico: WiredPico) -> None:
        self.server, self.folder, self.pico = server, folder, pico

    def upload(self, source: bytes = DIGITS) -> int:
        """A new version of digits; its number."""
        with self.server.api() as api:
            files = {"file": ("digits.tflite", source)}
            return int(api.post("/models", data={"name": "digits", "labels": LABELS}, files=files).json()["version"])

    def assign(self, version: int, device: str = "pico-1") -> int:
        """The rollout's number."""
        with self.server.api() as api:
            return int(api.post(f"/devices/{device}/assign", json={"model": "digits", "version": version}).json()["id"])

    def built(self, version: int) -> None:
        """Waits until every module of a version is signed."""
        with self.server.api() as api:

            def done() -> bool:
                builds = api.get("/builds", params={"limit": 500}).json()["items"]
                states = {b["state"] for b in builds if b["version"] == version}
                return states == {"ready"}

            wait_until(done, 120)

    def profile(self, device: str = "pico-1") -> str:
        """What is compiled for the Pico."""
        with self.server.api() as api:
            return str(api.get(f"/devices/{device}").json()["profile"])

    def action(self, rollout: int) -> dict[str, Any]:
        """What became of the Pico's part in a rollout, once it has ended."""
        with self.server.api() as api:

            def ended() -> Any:
                parts = api.get(f"/rollouts/{rollout}/actions").json()["items"]
                return parts[0] if parts and parts[0]["state"] in ENDED else None

            return dict(wait_until(ended, 180))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with served(folder / "data", "--poll-interval", "1") as server, wired_pico(folder) as pico:
        lab = Lab(server, folder, pico)
        environment = {"TINYMLAAS_SERVER": server.url, "TINYMLAAS_TOKEN": server.token}
        enrolled = CliRunner(env=environment).invoke(app, ["enrol", "pico-1", "--on", pico.port])
        assert enrolled.exception is None, enrolled.exception
        yield lab


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
    assert lab.pico.run(INFER) == "2 True"


def test_what_is_not_as_it_should_be_is_refused(lab: Lab, running: GatewayProcess) -> None:
    """Forged, altered, older and oversized modules, as a server that was taken over would send them; the old one runs on."""
    earlier = lab.upload()
    assert lab.action(lab.assign(earlier))["state"] == "confirmed"
    before = lab.upload()
    assert lab.action(lab.assign(before))["state"] == "confirmed"
    profile = lab.profile()
    old = thief.signed_module(lab.folder / "data", "digits", earlier, profile)
    for change, facts, words in (
        (lambda module: sign(module[:-168], OTHER, 1000), {}, "no release key of this device vouches for"),
        (lambda module: module[:200] + bytes([module[200] ^ 1]) + module[201:], {}, "not what was signed"),
        (lambda module: module[:-1] + bytes([module[-1] ^ 1]), {}, "altered or forged"),
        (lambda module: old, {}, "is older than"),
        (lambda module: module[:-168], {}, "header says"),
    ):
        version = lab.upload()
        lab.built(version)
        assert thief.replace_modules(lab.folder / "data", "digits", version, change, **facts) > 0
        part = lab.action(lab.assign(version))
        print(f"\n{part['state']}: {part['reason']}", end="")
        assert part["state"] in ("failed", "rejected")
        assert words in part["reason"]
        assert lab.pico.run(INFER) == f"{before} True"


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
    assert lab.pico.run(INFER) == f"{before} True"
