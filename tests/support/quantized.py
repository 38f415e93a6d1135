"""What the tests of `tinymlaas quantize` share, whichever framework the model comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import extras
from tests.support.board import share_right
from tinymlaas.compile import compile_model

Answer = dict[str, Any]  # of a command: `code`, `out`, `err`

# The first test of a file may install the extra.
MARKS = [pytest.mark.slow, pytest.mark.timeout(2400)]


def answers(extra: str, commands: dict[str, list[str | Path]]) -> dict[str, Answer]:
    """What `tinymlaas quantize` answers to each of the argument lists, by name; all in one process."""
    return dict(zip(commands, extras.quantize(extra, *commands.values()), strict=True))


def report_of_good(answer: Answer, *, drop: float = 0.02) -> dict[str, Any]:
    """The report of a model that compiles, and in int8 is nearly as good as in float."""
    assert answer["code"] == 0, answer["err"]
    report: dict[str, Any] = json.loads(answer["out"])
    assert report["compiles"], report["verdict"]
    assert report["float_accuracy"] > 0.9
    assert report["float_accuracy"] - report["int8_accuracy"] < drop
    assert report["int8_by"].startswith("tinymlaas")
    return report


def check_on_the_pico(kind: str, answer: Answer, tflite: Path, inputs: np.ndarray, truth: np.ndarray) -> str:
    """The emulated Pico tells as many samples right as the report says; a line with the three accuracies."""
    report = json.loads(answer["out"])
    right = share_right(compile_model(tflite.read_bytes(), kind, "m0plus").module, inputs, truth)
    assert right == pytest.approx(report["int8_accuracy"], abs=1e-6)
    return f"\n{kind}: float {report['float_accuracy']:.4f}, int8 {report['int8_accuracy']:.4f}, Pico {right:.4f}"


def one_line(answer: Answer) -> str:
    """The error of a command that failed with one line."""
    assert answer["code"] == 1
    assert len(answer["err"].strip().splitlines()) == 1, answer["err"]
    return str(answer["err"].strip())
