"""Random single-operator models of the operators that remember, and their steps: strategies as those of ``models.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.evaluate import evaluate_all, value_of
from tinymlaas.graph import Graph, State

Draw = Callable[[st.SearchStrategy], object]
_seeds = st.integers(0, 2**32 - 1)


@st.composite
def svdf(draw: Draw, dtype: str) -> bytes:
    """SVDF with a state of int8 or int16; scales at which most numbers use their range."""
    rank, units, memory = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 9))
    inputs, rng = draw(st.integers(1, 40)), np.random.default_rng(draw(_seeds))
    filters = units * rank
    source, feature, time = (_scale(rng, -8, -1) for _ in range(3))
    limits = np.iinfo(dtype)
    state = _float32(source * feature * 40 * np.sqrt(inputs) * 2.0 ** rng.uniform(0, 7) / limits.max * 20)
    out = _float32(state * time * 2.0 ** rng.uniform(-2, 2) * limits.max * np.sqrt(rank * memory))
    product = np.float32(state) * np.float32(time)
    if product < 1e-5:  # TensorFlow Lite Micro compares the bias' scale with it to 1e-5
        product = np.float32(0)
    tensors = [
        TensorSpec((1, inputs), source, _zero_point(rng)),
        TensorSpec((filters, inputs), feature, data=_normal(rng, (filters, inputs), "int8")),
        TensorSpec((filters, memory), time, data=_normal(rng, (filters, memory), dtype), dtype=dtype),
        TensorSpec((units,), float(product), dtype="int32", data=rng.integers(-9999, 9999, units).astype(np.int32)),
        TensorSpec((1, filters * memory), state, _zero_point(rng) if dtype == "int8" else 0, dtype, variable=True),
        TensorSpec((1, units), out, _zero_point(rng)),
    ]
    options = {"rank": rank, "fusedActivationFunction": draw(st.sampled_from([0, 1]))}
    return write_tflite(tensors, [OpSpec("SVDF", (0, 1, 2, 3, 4), (5,), options)], [0], [5])


SINGLE_OPS: dict[str, st.SearchStrategy] = {
    "SVDF": svdf("int8"),
    "SVDF with a state of int16": svdf("int16"),
}


def steps_of(graph: Graph, inputs: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """The outputs of each step by the numpy definitions, one step after the other."""
    found = []
    for values in inputs:
        known = evaluate_all(graph, values)
        found.append([value_of(graph, known, t) for t in graph.outputs])
        states = (State(s.read, s.written, value_of(graph, known, s.written).tobytes()) for s in graph.states)
        graph = replace(graph, states=tuple(states))
    return found


def _scale(rng: np.random.Generator, low: float, high: float) -> float:
    return _float32(2.0 ** rng.uniform(low, high))


def _float32(value: float) -> float:
    return float(np.float32(value))


def _zero_point(rng: np.random.Generator) -> int:
    return int(rng.integers(-128, 128) if rng.random() < 0.3 else rng.integers(-30, 31))


def _normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Mostly small, as trained weights are; now and then an extreme."""
    limits = np.iinfo(dtype)
    return np.clip(rng.normal(0, limits.max / 3, shape).round(), -limits.max, limits.max).astype(dtype)
