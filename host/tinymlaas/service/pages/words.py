"""States, events and limits in words for people. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .standing import Standing

_THOUSANDS = re.compile(r"(?<=[0-9]) (?=[0-9]{3}\b)")
_PROGRESS = re.compile(r"(\d+) of (\d+)")


@dataclass(frozen=True, slots=True)
class Said:
    """What goes on. tone: ``ok``, ``busy``, ``bad`` or ``idle``. percent: of a download. remedy: what can be done about it."""

    tone: str
    text: str
    percent: int | None = None
    remedy: str = ""


def running(health: dict[str, Any] | None) -> str:
    """The model that a device said it runs: ``running digits v2``; empty when it has not said anything."""
    return f"running {health['model']} v{health['version']}" if health else ""


def tested(health: dict[str, Any] | None) -> str:
    """What its last self-test gave."""
    if health is None or health.get("selftest") is None:
        return ""
    return "self-test passed" if health["selftest"] else "self-test failed"


def of_device(standing: Standing | None, health: dict[str, Any] | None, *, known: bool) -> Said:
    """A device in one sentence. ``known``: it has said what it is."""
    if standing is not None and (standing.open or standing.state in ("failed", "rejected")):
        return _about(standing)
    if health is not None:
        good = health.get("selftest") is not False
        after = ": self-test passed" if health.get("selftest") else "" if good else ": self-test failed"
        return Said("ok" if good else "bad", running(health) + after)
    if standing is not None:
        return _about(standing)
    return Said("idle", "ready for a model" if known else "waits for its first contact")


def _about(standing: Standing) -> Said:
    said = of_action(standing)
    return Said(said.tone, f"{standing.model} v{standing.version}: {said.text}", said.percent, said.remedy)


def of_action(standing: Standing) -> Said:
    """An action in words."""
    if standing.open and standing.cancel:
        return Said("busy", "asked to stop")
    if standing.state == "scheduled":
        return _scheduled(standing)
    if standing.state == "downloading":
        percent = progress(standing.detail)
        return Said("busy", "downloading" if percent is None else f"downloading {percent} %", percent)
    if standing.state in ("failed", "rejected", "canceled"):
        reason, _, remedy = unbroken(standing.reason).partition("; ")
        verb = {"failed": "failed", "rejected": "refused", "canceled": "canceled"}[standing.state]
        tone = "idle" if standing.state == "canceled" else "bad"
        return Said(tone, f"{verb}: {reason}" if reason else verb, remedy=remedy)
    text = {
        "offered": "ready, waits for the device's next poll",
        "downloaded": "downloaded, being checked",
        "testing": "in self-test",
        "confirmed": "self-test passed, running",
    }[standing.state]
    return Said("ok" if standing.state == "confirmed" else "busy", text)


def _scheduled(standing: Standing) -> Said:
    if standing.rollout_state != "running":
        return Said("idle", f"waits, its rollout is {standing.rollout_state}")
    if standing.build_state is None:
        return Said("busy", "waits until the device says what it is")
    target = (standing.profile or "").partition("/")[0]
    text = {
        "queued": f"waits to be compiled for {target}",
        "running": f"compiling for {target}",
        "unsigned": f"compiled for {target}, waits for its signature",
        "ready": f"compiled for {target} and signed",
        "failed": f"cannot be compiled for {target}",
    }[standing.build_state]
    return Said("busy", text)


def unbroken(text: str) -> str:
    """The text with numbers such as ``59 424`` that stay on one line."""
    return _THOUSANDS.sub("\u202f", text)


def progress(detail: str) -> int | None:
    """Percent in an event's detail such as ``1024 of 4096``."""
    found = _PROGRESS.match(detail)
    if not found or not int(found[2]):
        return None
    return min(100, 100 * int(found[1]) // int(found[2]))


def event(state: str, detail: str) -> str:
    """An event of an action."""
    if state == "downloading" and (percent := progress(detail)) is not None:
        return f"downloading {percent} %"
    text = {
        "scheduled": "scheduled",
        "offered": "compiled, signed and offered",
        "downloading": "download began",
        "downloaded": "downloaded",
        "testing": "self-test began",
        "confirmed": "confirmed",
        "failed": "failed, went back to what it ran before",
        "rejected": "refused",
        "canceled": "canceled",
    }[state]
    return f"{text}: {unbroken(detail)}" if detail else text


def of_build(state: str) -> str:
    """A build."""
    return {
        "none": "not asked for",
        "queued": "waits to be compiled",
        "running": "compiling",
        "unsigned": "waits for signature",
        "ready": "ready",
        "failed": "failed",
    }[state]


ROLLOUT_TONE = {
    "waiting": "idle",
    "running": "busy",
    "paused": "idle",
    "stopped": "bad",
    "finished": "ok",
    "rolled-back": "idle",
}
ROLLOUT_TEXT = {"waiting": "waits for approval", "rolled-back": "rolled back"}


def of_rollout(state: str) -> Said:
    """A rollout."""
    return Said(ROLLOUT_TONE[state], ROLLOUT_TEXT.get(state, state))


def duration(seconds: float) -> str:
    """Of limits: ``90 s``, ``24 h``."""
    for unit, scale in (("h", 3600), ("min", 60)):
        if seconds >= 2 * scale and seconds % scale == 0:
            return f"{seconds / scale:g} {unit}"
    return f"{seconds:g} s"


STATE_NAMES = {"rejected": "refused", "scheduled": "waiting"}  # where people read them


def limits(values: dict[str, Any]) -> list[str]:
    """The limits of a rollout, those that are set."""
    texts = {
        "failed_percent": "stops when more than {:g} % of a stage fail",
        "latency_ratio": "stops when the median inference time is more than {:g} times the one before",
        "errors": "stops at more than {:g} errors per device",
        "absent_s": "does not wait for devices unseen for {}",
    }
    shown = {**values, "absent_s": duration(values.get("absent_s") or 0)}
    return [text.format(shown[name]) for name, text in texts.items() if values.get(name) is not None]
