"""The story, step by step. Every step prints what came of it, and ends the story when that is not what it should be."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..cli.console import data
from ..errors import TinymlError
from ..service.client import Client
from ..sign import new_key, sign
from ..toolchain.paths import REPO
from . import thief
from .browser import Window
from .models import widened
from .stage import Stage, actions_of, wait_for

EXAMPLE = REPO / "device" / "examples" / "digits"
DIGITS = EXAMPLE / "digits.tflite"
PICO, UNIX, GROUP = "pico-1", "unix-1", "lab"
BOTH = (PICO, UNIX)
PATIENCE_S = 120
ENDED = ("confirmed", "failed", "rejected", "canceled")


@dataclass(slots=True)
class Story:
    """What all steps share. ``promised_s``: from a fresh start until both devices run; ``good``: the version each should be running."""

    stage: Stage
    client: Client
    window: Window
    promised_s: float
    began: float = field(default_factory=time.monotonic)
    good: dict[str, int] = field(default_factory=dict)

    def say(self, step: str, text: str) -> None:
        """A line for people."""
        seconds = time.monotonic() - self.began
        data.print(f"{seconds:6.1f} s  {step:10} {text}", highlight=False, soft_wrap=True, markup=False)

    def tell(self) -> None:
        """All of it."""
        self.upload_first()
        self.start_devices()
        self.first_rollout()
        self.worse()
        self.oversized()
        self.forged()
        self.older()
        self.server_gone()

    def upload_first(self) -> None:
        """The digits model, on the page."""
        self.window.sign_in(self.stage.token)
        self.window.shoot("/", "nobody-there-yet")
        self.window.upload(DIGITS, (EXAMPLE / "labels.txt").read_text())
        version = int(self.client.get("/models/digits")[0]["number"])
        self.good = dict.fromkeys(BOTH, version)
        picture = self.window.shoot("/models/digits", "model")
        self.say("upload", f"digits v{version} is in the catalogue, uploaded on the page; picture {picture}")

    def start_devices(self) -> None:
        """A Pico behind the gateway, and a device of the unix port on HTTP; both in one group."""
        port = self.stage.pico()
        self.stage.run("enrol", PICO, "--on", port, "--group", GROUP, "--model", "digits")
        self.stage.gateway(port)
        self.say("enrol", f"{PICO}: an emulated Raspberry Pi Pico, over its serial port, behind `tinymlaas gateway`")
        root = self.stage.folder / UNIX
        root.mkdir()
        self.stage.run("enrol", UNIX, "--to", str(root), "--group", GROUP, "--model", "digits")
        self.stage.unix(root)
        self.say("enrol", f"{UNIX}: MicroPython's unix port, which polls over HTTP itself")

    def first_rollout(self) -> None:
        """From nothing to a model that runs on both."""
        self.bring(self.good[PICO])
        seconds = time.monotonic() - self.began
        _demand(seconds < self.promised_s, f"it took {seconds:.0f} s, {self.promised_s:.0f} s were promised")
        pictures = self.window.shoot("/", "both-run"), self.window.shoot(f"/devices/{PICO}", "device")
        self.say("", f"both run {seconds:.0f} s after the start; pictures {', '.join(pictures)}")

    def bring(self, version: int) -> None:
        """A version to both devices, which is what they should be running from now on."""
        parts = self.ended(self.rollout(version), max(PATIENCE_S, self.promised_s))
        _demand(len(parts) == 2 and {part["state"] for part in parts.values()} == {"confirmed"}, _states(parts))
        self.good = dict.fromkeys(BOTH, version)
        for device in BOTH:
            self.still(device)

    def worse(self) -> None:
        """As good, but several times as slow: the limits stop it after the first device, which then goes back."""
        version = self.push(widened(DIGITS.read_bytes(), [32] * 6))
        rollout = self.rollout(version, "--stages", "50,100", "--latency-ratio", "1.8")
        stopped = wait_for("the worse model is stopped", lambda: self.state(rollout, "stopped"), PATIENCE_S)
        parts = actions_of(self.client, rollout)
        changed = [name for name, part in parts.items() if part["state"] == "confirmed"]
        _demand(len(changed) == 1, f"one device was to try it: {_states(parts)}")
        self.say("worse", f"v{version} came to {changed[0]} only: {stopped['reason']}")
        picture = self.window.shoot(f"/rollouts/{rollout}", "stopped")
        back = self.stage.run("rollout", "rollback", str(rollout))
        self.ended(back["id"], PATIENCE_S)
        self.good[changed[0]] = back["version"]
        self.say("", f"{changed[0]} is back on the old source, as v{back['version']}; picture {picture}")
        for device in BOTH:
            self.still(device)

    def oversized(self) -> None:
        """More memory than either device has."""
        version = self.push(widened(DIGITS.read_bytes(), [4096]))
        self.refused("oversized", version, "short", ("rejected",))

    def forged(self) -> None:
        """Somebody who has taken over the server signs with a key of his own."""
        version = self.prepared()
        key = new_key()
        thief.replace_modules(self.stage.data, "digits", version, lambda module: sign(module, key, version))
        self.refused("forged", version, "no release key of this device vouches for")

    def older(self) -> None:
        """He replays what was once rightly signed, after something newer has run."""
        self.bring(self.push(DIGITS.read_bytes()))
        version = self.prepared()
        thief.replay(self.stage.data, "digits", 1, version)
        self.refused("older", version, "older")

    def server_gone(self) -> None:
        """Devices need no server to infer."""
        self.stage.stop_server()
        before = self.inferences()
        wait_for("inference without the server", lambda: self.inferences() > before + 20, 60)
        self.say("offline", f"the server is stopped; {UNIX} has inferred {self.inferences() - before} times since")

    def refused(self, what: str, version: int, words: str, states: tuple[str, ...] = ("failed", "rejected")) -> None:
        """A version that no device may run, each with its reason, while the good one runs on."""
        parts = self.ended(
            self.rollout(version, "--failed-percent", "100"), PATIENCE_S
        )  # the second device tries it, too
        for name, part in sorted(parts.items()):
            _demand(part["state"] in states and words in part["reason"], f"{name}: {part['state']}: {part['reason']}")
            self.say(what, f"v{version} {part['state']} by {name}: {part['reason']}")
        pictures = [self.window.shoot(f"/devices/{name}", f"{what}-{name}") for name in BOTH]
        for name in BOTH:
            self.still(name)
        self.say("", f"pictures {', '.join(pictures)}")

    def still(self, device: str) -> None:
        """The good version runs there, passes its self-test, and infers."""
        if device == UNIX:
            count = self.inferences()
            wait_for(f"inference on {device}", lambda: self.inferences() > count, 60)
        before = self.client.get(f"/devices/{device}")["health_at"] if device == PICO else ""

        def healthy() -> Any:
            found = self.client.get(f"/devices/{device}")
            return found["health"] if found["health"] and found["health_at"] != before else None

        health = wait_for(f"health of {device}", healthy, 60)
        _demand(health["version"] == self.good[device], f"{device} runs v{health['version']}")
        _demand(health["selftest"], f"{device}: the self-test failed")
        ms, kb = health["inference_us"] / 1000, health["heap_free"] / 1024
        self.say("", f"{device}: running v{health['version']}, self-test passed, {ms:.1f} ms, {kb:.0f} KB free")

    def inferences(self) -> int:
        """How often the unix device has inferred since its start."""
        path = self.stage.folder / UNIX / "count.txt"
        return sum(map(int, path.read_text().split())) if path.exists() else 0

    def push(self, source: bytes) -> int:
        """A new version by `tinymlaas push`; its number."""
        path = self.stage.folder / "digits.tflite"
        path.write_bytes(source)
        return int(self.stage.run("push", str(path), "--labels", str(EXAMPLE / "labels.txt"))["version"])

    def prepared(self) -> int:
        """A version whose modules are all made and signed."""
        version = self.push(DIGITS.read_bytes())

        def made() -> bool:
            builds = self.client.get("/builds", limit=200)["items"]
            return {build["state"] for build in builds if build["version"] == version} == {"ready"}

        wait_for(f"v{version} is compiled and signed", made, PATIENCE_S)
        return version

    def rollout(self, version: int, *options: str) -> int:
        """Its number, begun by `tinymlaas rollout start`."""
        stages = () if "--stages" in options else ("--stages", "100")
        return int(self.stage.run("rollout", "start", f"digits:{version}", "--group", GROUP, *stages, *options)["id"])

    def state(self, rollout: int, state: str) -> dict[str, Any] | None:
        """The rollout, when it is in that state."""
        found: dict[str, Any] = self.client.get(f"/rollouts/{rollout}")
        return found if found["state"] == state else None

    def ended(self, rollout: int, seconds: float) -> dict[str, dict[str, Any]]:
        """Each device's part, when all have ended."""

        def all_ended() -> dict[str, dict[str, Any]] | None:
            parts = actions_of(self.client, rollout)
            return parts if parts and all(part["state"] in ENDED for part in parts.values()) else None

        return wait_for(f"the end of rollout {rollout}", all_ended, seconds)


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise TinymlError(what)


def _states(parts: dict[str, dict[str, Any]]) -> str:
    return ", ".join(f"{name} {part['state']} ({part['reason']})" for name, part in sorted(parts.items()))
