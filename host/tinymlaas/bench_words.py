"""Wake words in real time: the wake_word example on the emulated Pico, from sound to score, for ``python -m tinymlaas.bench_senses``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .bench import markdown_table, sources, wake_word_file
from .cli.console import talk
from .compile import Compiled, compile_model
from .device.pico import CYCLE_COUNTER_ADDRESS, EmulatedPico
from .report import thousands
from .romfs import build
from .target import board_by_name
from .toolchain.firmware import build_firmware
from .toolchain.paths import REPO

NAMES = ("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft", "micro_speech")
_CLOCKS_MHZ = (125, 133)
_HOP_MS = {"micro_speech": 20}
_FRAMES = 30  # a whole number of runs of every model
_APP = REPO / "device" / "examples" / "wake_word" / "app.py"
_RUN = """
import gc, io, machine, sys, tinyml
sys.path.insert(0, "/rom")
import app
m = tinyml.Model("/rom/{name}.tml")
words = app.Listener(m, lambda *heard: None)
words.listen(io.BytesIO(bytes({warm})))
gc.collect()
sound = io.BytesIO(bytes(i * 7 & 3 for i in range({bytes})))
t0 = machine.mem32[{counter}]
words.listen(sound)
t1 = machine.mem32[{counter}]
m.run()
t2 = machine.mem32[{counter}]
print([(t1 - t0) & 0xffffffff, (t2 - t1) & 0xffffffff])
"""


@dataclass(frozen=True, slots=True)
class Row:
    """cycles: of the whole app for one frame; run_cycles: of one inference, which comes every few frames."""

    name: str
    compiled: Compiled
    hop_ms: int
    cycles: float
    run_cycles: int

    def share(self, mhz: float) -> float:
        """Of the time between two frames."""
        return self.cycles / (mhz * 1e3 * self.hop_ms)

    def cells(self) -> list[str]:
        """Of a line of the table."""
        plan = self.compiled.plan
        counts = (len(self.compiled.module), plan.state_bytes, plan.arena_bytes, self.run_cycles, round(self.cycles))
        shares = [f"{self.share(mhz) * 100:.0f} %" for mhz in _CLOCKS_MHZ]
        return [f"{self.name}, {self.hop_ms} ms", *(thousands(n) for n in counts), *shares]


def table() -> str:
    """As Markdown; empty where no model is there."""
    cells = [row.cells() for row in measure()]
    head = ("model, a frame every", "module B", "state B", "RAM B", "cycles of a run", "cycles per frame")
    clocks = (f"of {mhz} MHz" for mhz in _CLOCKS_MHZ)
    return markdown_table("Wake words in real time", (*head, *clocks), cells) if cells else ""


def measure(names: Sequence[str] = NAMES) -> Iterator[Row]:
    """A row for each model that is there."""
    models = dict(_models(names))
    files = {f"{name}.tml": compiled.module for name, compiled in models.items()} | {"app.py": _APP.read_bytes()}
    if models:
        with EmulatedPico(build_firmware(board_by_name("pico")).image, romfs=build(files)) as pico:
            for name, compiled in models.items():
                yield _measure(pico, name, compiled)


def _measure(pico: EmulatedPico, name: str, compiled: Compiled) -> Row:
    hop_ms = _HOP_MS.get(name, 10)
    hop_bytes = 2 * 16 * hop_ms
    # The window is 30 ms: the first frame takes more sound than the others.
    numbers = {"warm": 2 * 16 * 30 + 2 * hop_bytes, "bytes": _FRAMES * hop_bytes, "counter": CYCLE_COUNTER_ADDRESS}
    said = pico.exec(_RUN.format(name=name, **numbers), 600).decode()
    whole, run = ast.literal_eval(said.strip().splitlines()[-1])
    return Row(name, compiled, hop_ms, whole / _FRAMES, run)


def _models(names: Sequence[str]) -> Iterator[tuple[str, Compiled]]:
    found = sources()
    for name in names:
        file = wake_word_file(name)
        data = file.read_bytes() if file else found[name][0] if name in found else None
        if data:
            yield name, compile_model(data, name, "m0plus")
        else:
            talk.print(f"{name}: not measured, the model is not there", highlight=False)
