"""Power cuts of the Pico and SIGKILL of the gateway, at every step of an update: a working model boots, and the update goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.support.gateway import GatewayProcess, WiredPico, gateway
from tests.support.lab import Lab
from tinymlaas.device.transport import SerialDevice
from tinymlaas.errors import BoardError
from tinymlaas.gateway.cache import Cache
from tinymlaas.gateway.worker import Settings, Worker

pytest_plugins = ["tests.support.lab_fixtures"]

# Code that the gateway sends, by what it begins with; how often it was sent before the cut; and the cut, in seconds after it was sent.
WRITE = "from binascii import a2b_base64"
STEPS = (
    ("print(_s.begin", 0, 0.0),
    ("print(_s.begin", 0, 0.3),
    (WRITE, 0, 0.0),
    (WRITE, 4, 0.1),
    ("_s.check", 0, 0.3),
    ("print(json.dumps(_s.test", 0, 0.2),
    ("_s.switch", 0, 0.0),
    ("_s.confirm", 0, 0.0),
    ("_s.confirm", 0, 0.1),
    ("_s.confirm", 0, 1.0),
)


class Cutter:
    """Cuts the Pico's power a while after a certain piece of code was sent to it."""

    def __init__(self, pico: WiredPico, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pico, self._real = pico, SerialDevice.exec
        self._step, self._left, self._after_s = "", 0, 0.0
        self.cut = threading.Event()
        monkeypatch.setattr(SerialDevice, "exec", lambda device, code, timeout=30.0: self._exec(device, code, timeout))

    def arm(self, step: str, before: int, after_s: float) -> None:
        self._step, self._left, self._after_s = step, before + 1, after_s
        self.cut.clear()

    def _exec(self, device: SerialDevice, code: str, timeout: float) -> bytes:
        if not self._step or not code.startswith(self._step):
            return self._real(device, code, timeout)
        self._left -= 1
        if self._left:
            return self._real(device, code, timeout)
        self._step = ""
        timer = threading.Timer(self._after_s, self._cut)
        timer.start()
        try:
            return self._real(device, code, min(timeout, 5.0))
        finally:
            timer.join()

    def _cut(self) -> None:
        self._pico.power_cut()
        self.cut.set()


@pytest.mark.slow
def test_power_cuts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each cut a working model boots; then the update is completed."""
    cutter = Cutter(lab.pico, monkeypatch)
    cache = Cache(lab.folder / "cache")
    first = lab.upload()
    lab.assign(first)
    lab.built(first)
    _work(lab, cache, first)
    count = {"old": 0, "new": 0}
    for step, before, after_s in STEPS:
        version = lab.again(first)
        lab.built(version)
        lab.assign(version)
        cutter.arm(step, before, after_s)
        worker = Worker(lab.pico.port, Settings(), cache, lambda event: None, threading.Event())
        _rounds(worker, lambda: cutter.cut.is_set())
        booted, passed = lab.infers().split()
        assert passed == "True"
        assert int(booted) in (version - 1, version)
        count["new" if int(booted) == version else "old"] += 1
        _work(lab, cache, version)
    print(f"\n{len(STEPS)} power cuts: the old module booted {count['old']} times, the new one {count['new']} times")
    assert count["old"] >= 5


def _rounds(worker: Worker, until: object) -> None:
    """Rounds of a gateway until something has happened."""
    for _ in range(60):
        with contextlib.suppress(BoardError):
            worker.round()
        if until():  # type: ignore[operator]
            worker.close()
            return
        worker.stop.wait(0.3)
    raise TimeoutError("60 rounds")


def _work(lab: Lab, cache: Cache, version: int) -> None:
    """A new gateway until the version runs."""
    worker = Worker(lab.pico.port, Settings(), cache, lambda event: None, threading.Event())
    with lab.server.api() as api:

        def confirmed() -> bool:
            health = api.get("/devices/pico-1").json()["health"]
            return bool(health) and health["version"] == version

        _rounds(worker, confirmed)
    assert lab.infers() == f"{version} True"


@pytest.fixture
def killed(lab: Lab) -> Iterator[list[GatewayProcess]]:
    """Gateways that a test starts."""
    made: list[GatewayProcess] = []
    yield made
    for process in made:
        if process.process.poll() is None:
            os.kill(process.process.pid, signal.SIGKILL)


@pytest.mark.parametrize("moment", ["offer", "upload", "check", "running"])
def test_kill_9(lab: Lab, killed: list[GatewayProcess], moment: str) -> None:
    """The next gateway takes up what the killed one left, with the old module running until then."""
    version = lab.upload()
    lab.built(version)
    rollout = lab.assign(version)
    first = GatewayProcess(lab.pico.port, folder=lab.folder)
    killed.append(first)
    first.wait_for(moment)
    first.kill()
    assert lab.infers() in (f"{version} True", f"{version - 1} True", "0 None")
    with gateway(lab.pico.port, folder=lab.folder):
        assert lab.action(rollout)["state"] == "confirmed"
    assert lab.infers() == f"{version} True"
