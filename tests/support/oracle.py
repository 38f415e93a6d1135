"""TensorFlow Lite Micro's interpreter from PyPI: what every result is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tflite_micro.python.tflite_micro import runtime

_ARENA_BYTES = 4_000_000


def run(model: bytes, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The first output for one set of inputs."""
    return run_all(model, inputs, 1)[0]


def run_all(model: bytes, inputs: Sequence[np.ndarray], outputs: int) -> list[np.ndarray]:
    """The first outputs for one set of inputs."""
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
    for index, value in enumerate(inputs):
        interpreter.set_input(value, index)
    interpreter.invoke()
    return [np.asarray(interpreter.get_output(i)) for i in range(outputs)]


def run_steps(model: bytes, inputs: np.ndarray, outputs: int) -> list[list[np.ndarray]]:
    """What TensorFlow Lite Micro gives, step after step, for each of the outputs."""
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
    found: list[list[np.ndarray]] = [[] for _ in range(outputs)]
    for value in inputs:
        interpreter.set_input(value, 0)
        interpreter.invoke()
        for i in range(outputs):
            found[i].append(np.asarray(interpreter.get_output(i)).copy())
    return found
