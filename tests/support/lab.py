"""A server that serves digits, and a Pico that is enrolled there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.gateway import WiredPico, gateway
from tests.support.service import DIGITS, LABELS, Served, wait_until

ENDED = ("confirmed", "failed", "rejected", "canceled")


_INFER = """
def infer():
    from tinyml.slots import Slots
    s = Slots('digits')
    if s.model is None:
        print(0, None)
    else:
        s.model.run()
        print(s.version, s.model.selftest())
infer()
"""


class Lab:
    """A server, its folder, and a Pico."""

    def __init__(self, server: Served, folder: Path, pico: WiredPico) -> None:
        self.server, self.folder, self.pico = server, folder, pico

    def upload(self, source: bytes = DIGITS) -> int:
        """A new version of digits; its number."""
        with self.server.api() as api:
            files = {"file": ("digits.tflite", source)}
            return int(api.post("/models", data={"name": "digits", "labels": LABELS}, files=files).json()["version"])

    def again(self, version: int) -> int:
        """The same source as a new version; its number."""
        with self.server.api() as api:
            return int(api.post(f"/models/digits/versions/{version}/again").json()["version"])

    def assign(self, version: int, device: str = "pico-1") -> int:
        """The rollout's number."""
        with self.server.api() as api:
            body = {"model": "digits", "version": version}
            return int(api.post(f"/devices/{device}/assign", json=body).json()["id"])

    def built(self, version: int) -> None:
        """Waits until every module of a version is signed."""
        with self.server.api() as api:

            def done() -> bool:
                builds = api.get("/builds", params={"limit": 500}).json()["items"]
                states = {b["state"] for b in builds if b["version"] == version}
                return states == {"ready"}

            wait_until(done, 120)

    def running_version(self) -> int:
        """Brings some version onto the Pico unless one runs; its number."""
        running = self.infers().split()[0]
        if running != "0":
            return int(running)
        version = self.upload()
        rollout = self.assign(version)
        with gateway(self.pico.port, folder=self.folder):
            assert self.action(rollout)["state"] == "confirmed"
        return version

    def infers(self) -> str:
        """Inference with whatever runs: its version, and whether its own test vectors come out right; "0 None" when there is none."""
        return self.pico.run(_INFER)

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
