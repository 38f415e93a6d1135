"""``make bench``: every figure of docs/PERFORMANCE.md in one run, with each output checked bit for bit.

Speed is the second of two inferences (warm) of the whole model: exact emulated cycles on the Pico, exact executed instructions on
QEMU. Memory and size are exact counts. Nothing here is a wall-clock time.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .cli.console import fail, talk
from .compile import compile_model
from .errors import TinymlError
from .graph import Array
from .report import summary, thousands
from .run import Result, run_module
from .target import board_by_name
from .toolchain.firmware import find_firmware
from .toolchain.paths import REPO, build_dir
from .unpack import unpack

MODELS = {
    "ad01": "ad01_int8",
    "kws": "kws_ref_model",
    "resnet8": "pretrainedResnet_quant",
    "vww_96": "vww_96_int8",
    "person_detect": "person_detect",
    "micro_speech": "micro_speech_quantized",
    "hello_world": "hello_world_int8",
}
WAKE_WORD = "okay_nabu"  # of PyPI's pymicro-wakeword; a streaming model: its second step follows the first
DOCS, README = REPO / "docs" / "PERFORMANCE.md", REPO / "README.md"
BEGIN, END = "<!-- bench: begin (printed by make bench) -->", "<!-- bench: end -->"
BOARDS = ("pico", "qemu-m3", "qemu-m4", "qemu-rv32")

# Cycles (pico) or executed instructions per MAC of the whole model: what TensorFlow Lite Micro with CMSIS-NN takes on the same
# emulators, and what we want to reach.
_WITH_GOALS = ("ad01", "kws", "resnet8", "vww_96", "person_detect", "micro_speech", WAKE_WORD)
INCUMBENT = {
    "pico": dict(zip(_WITH_GOALS, (8.9, 14.9, 10.9, 15.8, 15.9, 10.0, 29.5), strict=True)),
    "qemu-m4": dict(zip(_WITH_GOALS, (2.21, 2.85, 2.38, 3.17, 3.15, 4.39, 7.16), strict=True)),
}
GOALS = {
    "pico": dict(zip(_WITH_GOALS, (4.5, 3.8, 3.2, 4.0, 4.0, 4.5, 10.0), strict=True)),
    "qemu-m4": dict(zip(_WITH_GOALS, (1.3, 1.2, 1.05, 1.3, 1.3, 2.0, 3.5), strict=True)),
    "qemu-rv32": dict(zip(_WITH_GOALS, (3.6, 3.4, 3.0, 3.6, 3.6, 4.5, 9.0), strict=True)),
}


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one model; sizes in bytes, ``counts`` per board."""

    model: str
    macs: int
    arena_bytes: int
    liveness_bound_bytes: int
    module_bytes: int
    counts: dict[str, int]


def main() -> None:
    """Prints the tables; exit code 1 when an output differs from its golden bytes."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/PERFORMANCE.md and README.md")
    parser.add_argument("--boards", default=",".join(BOARDS), help="comma-separated")
    parser.add_argument("--models", default="", help="comma-separated; default: all that are there")
    arguments = parser.parse_args()
    try:
        rows = measure([m for m in arguments.models.split(",") if m], arguments.boards.split(","))
    except TinymlError as error:
        fail(error)
    text = tables(rows, arguments.boards.split(","))
    print(text + changes(rows))
    _remember(rows)
    if arguments.write:
        write_docs(DOCS, text)
        write_docs(README, overview(rows))


def measure(models: Sequence[str], boards: Sequence[str]) -> list[Row]:
    """One row per model that is there; TinymlError when an output differs from its golden bytes."""
    rows = []
    for name, (data, inputs, expected) in sources().items():
        if models and name not in models:
            continue
        rows.append(_measure(name, data, inputs, expected, boards))
    return rows


def _measure(name: str, data: bytes, inputs: Array, expected: Array, boards: Sequence[str]) -> Row:
    counts = {}
    for board in boards:
        talk.print(f"{name} on {board}", highlight=False)
        module = compile_model(data, name, board_by_name(board).kernel_target).module
        result = run_module(module, name, board, inputs[:2])
        _check(name, board, result, expected[:2])
        counts[board] = result.counts[-1]
    facts = summary(unpack(compile_model(data, name).module))
    macs, arena, bound, size = (facts[k] for k in ("macs", "arena_bytes", "liveness_bound_bytes", "module_bytes"))
    return Row(name, macs, arena, bound, size, counts)


def _check(name: str, board: str, result: Result, expected: Array) -> None:
    if not np.array_equal(result.outputs[0].reshape(-1), expected.reshape(-1)):
        raise TinymlError(f"{name} on {board}: the output differs from TensorFlow Lite Micro's; no figure is given")


def sources() -> dict[str, tuple[bytes, Array, Array]]:
    """Model bytes, two inputs, two expected outputs: the repository's own model, and the real models where they are."""
    digits = REPO / "device" / "examples" / "digits"
    with np.load(digits / "test_digits.npz") as stored:
        out = {"digits": ((digits / "digits.tflite").read_bytes(), stored["inputs"], stored["outputs"])}
    folder = Path(os.environ.get("TINYML_MODELS") or REPO.parent / "shared" / "models")
    for name, file in MODELS.items():
        if not (folder / f"{file}.tflite").exists():
            talk.print(f"{name}: not measured, {file}.tflite is not in the folder TINYML_MODELS", highlight=False)
            continue
        with np.load(folder / "golden" / f"{file}.random.npz") as stored:
            out[name] = ((folder / f"{file}.tflite").read_bytes(), stored["inputs"], stored["outputs"])
    return out | _wake_word(folder / "golden")


def wake_word_file(name: str) -> Path | None:
    """The model's file in the package pymicro-wakeword, where it is installed and has it."""
    package = find_spec("pymicro_wakeword")
    file = Path(package.origin).parent / "models" / f"{name}.tflite" if package and package.origin else None
    return file if file and file.exists() else None


def _wake_word(golden: Path) -> dict[str, tuple[bytes, Array, Array]]:
    """The streaming model with the steps of a session of speech, where its package and the session are."""
    model, session = wake_word_file(WAKE_WORD), golden / f"{WAKE_WORD}.real.npz"
    if model is None or not session.exists():
        talk.print(f"{WAKE_WORD}: not measured, it takes pymicro-wakeword and {session.name}", highlight=False)
        return {}
    with np.load(session) as stored:
        return {WAKE_WORD: (model.read_bytes(), stored["inputs"], stored["outputs"])}


def tables(rows: Sequence[Row], boards: Sequence[str]) -> str:
    """All tables as Markdown."""
    parts = [_goals(rows, boards), _memory(rows), *(_speed(rows, b) for b in boards), _runtime(boards)]
    return "\n\n".join(parts) + "\n"


def markdown_table(title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1)), *(" | ".join(r) for r in body)]
    return (f"#### {title}\n\n" if title else "") + "\n".join(f"| {line} |" for line in lines)


def _memory(rows: Sequence[Row]) -> str:
    head = ("model", "MACs", "arena B", "live values B", "module B")
    body = [
        (
            r.model,
            thousands(r.macs),
            thousands(r.arena_bytes),
            thousands(r.liveness_bound_bytes),
            thousands(r.module_bytes),
        )
        for r in rows
    ]
    return markdown_table("Memory (target `any`)", head, body)


def _speed(rows: Sequence[Row], board: str) -> str:
    unit = "cycles" if board == "pico" else "instructions"
    body = [(r.model, thousands(r.counts[board]), f"{r.counts[board] / r.macs:.2f}") for r in rows]
    return markdown_table(f"Speed on `{board}`", ("model", f"{unit} per inference", f"{unit} per MAC"), body)


def _goals(rows: Sequence[Row], boards: Sequence[str]) -> str:
    models = [r for r in rows if r.model in _WITH_GOALS]
    body = [line for board in boards if board in GOALS for line in _against(board, models)]
    return markdown_table("Goals, per MAC of the whole model", ("board, unit", "", *(r.model for r in models)), body)


def _against(board: str, rows: Sequence[Row]) -> list[list[str]]:
    """TensorFlow Lite Micro's figure, the goal, ours, and by how much ours is above (+) or below (-) the goal."""
    unit = "cycles" if board == "pico" else "instructions"
    now = {r.model: r.counts[board] / r.macs for r in rows}
    away = [f"{(now[r.model] / GOALS[board][r.model] - 1) * 100:+.0f} %" for r in rows]
    lines = [["TFLM with CMSIS-NN", *(f"{INCUMBENT[board][r.model]:.2f}" for r in rows)]] if board in INCUMBENT else []
    lines += [["goal", *(f"{GOALS[board][r.model]:.2f}" for r in rows)]]
    lines += [["now", *(f"{now[r.model]:.2f}" for r in rows)], ["from the goal", *away]]
    return [[f"`{board}`, {unit}", *line] for line in lines]


def overview(rows: Sequence[Row]) -> str:
    """The short table of README.md: sizes, time on the emulated Pico, instructions on a Cortex-M4."""
    head = ("model", "MACs", "module B", "arena B", "Pico ms at 125 MHz", "Pico cycles/MAC", "M4 instructions/MAC")
    body = []
    for r in rows:
        cycles, instructions = r.counts.get("pico"), r.counts.get("qemu-m4")
        speed = (f"{cycles / 125e3:.1f}", f"{cycles / r.macs:.2f}") if cycles else ("", "")
        per_mac = f"{instructions / r.macs:.2f}" if instructions else ""
        body.append((r.model, thousands(r.macs), thousands(r.module_bytes), thousands(r.arena_bytes), *speed, per_mac))
    return markdown_table("", head, body) + "\n"


def _runtime(boards: Sequence[str]) -> str:
    body = []
    for name in boards:
        firmware = find_firmware(board_by_name(name))
        body.append((name, firmware.board.kernel_target, thousands(firmware.runtime_flash_bytes)))
    return markdown_table("Runtime in flash (code and constants of `_tinyml`)", ("board", "kernel target", "B"), body)


def _memory_of_last_run() -> Path:
    return build_dir() / "bench.json"


def _earlier() -> dict[str, Row]:
    try:
        return {r["model"]: Row(**r) for r in json.loads(_memory_of_last_run().read_text())}
    except (OSError, ValueError, TypeError):
        return {}


def changes(rows: Sequence[Row]) -> str:
    """What got slower or faster since this checkout measured it last, worst first."""
    old = {(r.model, board): count for r in _earlier().values() for board, count in r.counts.items()}
    if not old:
        return "\nno earlier run to compare with\n"
    new = {(r.model, board): count for r in rows for board, count in r.counts.items()}
    ratios = [(count / old[at], *at) for at, count in new.items() if at in old]
    moved = sorted((x for x in ratios if abs(x[0] - 1) > 0.002), reverse=True)
    lines = [
        f"{'slower' if x > 1 else 'faster'}: {model} on {board} {(x - 1) * 100:+.1f} %" for x, model, board in moved
    ]
    return "\n" + "\n".join(lines or ["as fast as the last run"]) + "\n"


def _remember(rows: Sequence[Row]) -> None:
    """Adds the figures to those of earlier runs, which may have measured other models or boards."""
    kept = _earlier()
    for r in rows:
        counts = {**kept[r.model].counts, **r.counts} if r.model in kept else r.counts
        kept[r.model] = replace(r, counts=counts)
    path = _memory_of_last_run()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(r) for r in kept.values()], indent=1))


def write_docs(path: Path, text: str) -> None:
    """Replaces the generated part of a document."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
