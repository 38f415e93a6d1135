"""N inferences on a device that takes code at its REPL."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

from ..device.transport import Device
from ..graph import Array
from . import script
from .result import Progress

INFERENCE_TIMEOUT_S = 900.0
_PIECE_BYTES = 384  # of input per line of code: its base64 stays a short string on the device


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: the device's facts, the counter's ticks and the output bytes of each inference."""

    facts: script.Facts
    ticks: tuple[int, ...]
    rows: tuple[bytes, ...]


def run_session(
    device: Device,
    path: str,
    counter: int | None,
    inputs: Array,
    feed: Callable[[int], str],
    *,
    reset_each: bool,
    progress: Progress,
) -> Answers:
    """Loads the module at ``path`` and runs every row of ``inputs``; ``feed(i)`` is code that puts row i into the model."""
    facts = script.parse_facts(_last_line(device.exec(script.setup(path, counter), INFERENCE_TIMEOUT_S)))
    ticks, rows = [], []
    for i in range(len(inputs)):
        progress(i, len(inputs))
        code = ("m.reset()\n" if reset_each else "") + feed(i) + "go()\n"
        tick, row = script.parse_run(_last_line(device.exec(code, INFERENCE_TIMEOUT_S)))
        ticks.append(tick)
        rows.append(row)
    progress(len(inputs), len(inputs))
    return Answers(facts, tuple(ticks), tuple(rows))


def feed_mapped(address: int, inputs: Array) -> Callable[[int], str]:
    """Inputs that an emulator has put into mapped memory; the first line defines how to read them."""
    size = inputs.shape[1]

    def feed(i: int) -> str:
        define = script.feed_mapped(address, size, len(inputs)) if i == 0 else ""
        return f"{define}feed({i})\n"

    return feed


def feed_text(device: Device, inputs: Array) -> Callable[[int], str]:
    """Inputs sent through the REPL in pieces that a small heap can hold."""
    size = inputs.shape[1]

    def feed(i: int) -> str:
        if i == 0:
            device.exec(script.feed_text(size), INFERENCE_TIMEOUT_S)
        row = inputs[i].tobytes()
        for at in range(0, size, _PIECE_BYTES):
            text = base64.b64encode(row[at : at + _PIECE_BYTES]).decode()
            device.exec(f"put({at}, '{text}')", INFERENCE_TIMEOUT_S)
        return ""

    return feed


def _last_line(output: bytes) -> bytes:
    lines = output.strip().splitlines()
    return lines[-1] if lines else b""
