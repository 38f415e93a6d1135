"""A server that serves digits, and a Pico that is enrolled there: ``pytest_plugins = ["tests.support.lab"]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.gateway import WiredPico, wired_pico
from tests.support.service import DIGITS, LABELS, Served, served, wait_until
from tinymlaas.cli.app import app

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


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with served(folder / "data", "--poll-interval", "1") as server, wired_pico(folder) as pico:
        lab = Lab(server, folder, pico)
        environment = {"TINYMLAAS_SERVER": server.url, "TINYMLAAS_TOKEN": server.token}
        enrolled = CliRunner(env=environment).invoke(app, ["enrol", "pico-1", "--on", pico.port])
        assert enrolled.exception is None, enrolled.exception
        yield lab
