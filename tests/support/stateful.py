"""Random single-operator models of the operators that remember, and their steps: strategies as those of ``models.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import Draw, seeds
from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.evaluate import evaluate_all, value_of
from tinymlaas.graph import Graph, State


@st.composite
def svdf(draw: Draw, dtype: str) -> bytes:
    """SVDF with a state of int8 or int16; scales at which most numbers use their range."""
    rank, units, memory = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 9))
    inputs, rng = draw(st.integers(1, 40)), np.random.default_rng(draw(seeds))
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


@st.composite
def lstm(draw: Draw) -> bytes:
    """UNIDIRECTIONAL_SEQUENCE_LSTM, time first or batch first, with and without clipping; the gates mostly between their ends."""
    steps, inputs, units = draw(st.integers(1, 5)), draw(st.integers(1, 12)), draw(st.integers(1, 6))
    time_major, rng = draw(st.booleans()), np.random.default_rng(draw(seeds))
    source, hidden = _scale(rng, -8, -3), _scale(rng, -8, -6)
    cell = 2.0 ** int(rng.integers(-15, -8))
    scales = [
        _float32(2.0 ** rng.uniform(-6, 1) / (x * 40 * np.sqrt(n)))
        for x, n in ((source, inputs), (hidden, units))
        for _ in range(4)
    ]
    weights = [
        TensorSpec((units, n), s, data=_normal(rng, (units, n), "int8"))
        for s, n in zip(scales, [inputs] * 4 + [units] * 4, strict=True)
    ]
    biases = [rng.normal(0, 1 / (s * source), units).clip(-1e9, 1e9).astype(np.int32) for s in scales[:4]]
    lead = (steps, 1) if time_major else (1, steps)
    zero_point = _zero_point(rng)
    tensors = [
        TensorSpec((*lead, inputs), source, _zero_point(rng)),
        *weights,
        *(
            TensorSpec((units,), _float32(s * source), dtype="int32", data=b)
            for s, b in zip(scales[:4], biases, strict=True)
        ),
        TensorSpec((1, units), hidden, zero_point, variable=True),
        TensorSpec((1, units), cell, 0, "int16", variable=True),
        TensorSpec((*lead, units), hidden, zero_point),
    ]
    operands = (*range(9), -1, -1, -1, *range(9, 13), -1, -1, 13, 14, -1, -1, -1, -1)
    clip = draw(st.sampled_from([0.0, 0.0, 1.0, 0.3, 100.0]))
    options = {"fusedActivationFunction": 4, "cellClip": clip, "timeMajor": time_major}
    return write_tflite(tensors, [OpSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (15,), options)], [0], [15])


SINGLE_OPS: dict[str, st.SearchStrategy] = {
    "SVDF": svdf("int8"),
    "SVDF with a state of int16": svdf("int16"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm(),
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


# Models at whose values the last bits of a multiplier decide: what is scaled lies next to a half.


def svdf_bias_ties(rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    """Of the output's multiplier: nothing but biases."""
    units, (state, time, out) = 1500, (_scale(rng, low, low + 1) for low in (-10, -10, 1))
    bias = _next_to_halves(rng, units, 100, state * time / out)
    weights = np.zeros((units, 1), np.int8)
    return _svdf_of(weights, weights, bias, (0.5, 0.5, time, state, out)), np.zeros((1, 1), np.int8)


def svdf_feature_ties(rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    """Of the state's multiplier: sums of 127 * 127 and ones, which the rest hands on."""
    units, inputs = 60, 2000
    source, feature = _scale(rng, -10, -9), _scale(rng, -10, -9)
    state = _float32(source * feature * 127 * 127 * inputs / 110)
    sums = _next_to_halves(rng, units, 90, source * feature / state)
    weights = np.zeros((units, inputs + 100), np.int8)
    for row, value in zip(weights, sums, strict=True):
        many, rest = divmod(abs(int(value)), 127 * 127)
        row[:many] = 127
        row[inputs], row[inputs + 1] = divmod(rest, 127)
        row *= -1 if value < 0 else 1
    image = np.full((1, inputs + 100), 127, np.int8)
    image[0, inputs + 1] = 1
    time = np.ones((units, 1), np.int8)
    bias = np.zeros(units, np.int32)
    return _svdf_of(weights, time, bias, (source, feature, 1.0, state, state)), image


def lstm_ties(rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    """Of a gate's multiplier: the cell gate's biases, small and to 15 bits in the output; the other gates are open."""
    units, source, weight = 300, _scale(rng, -3, -2), _scale(rng, -32, -31)
    bias = _next_to_halves(rng, units, 14, source * weight * 4096)
    zeros = [TensorSpec((units, n), weight, data=np.zeros((units, n), np.int8)) for n in [1] * 4 + [units] * 4]
    biases = [np.full(units, 2**31 - 1, np.int32)] * 2 + [bias, np.full(units, 2**31 - 1, np.int32)]
    tensors = [
        TensorSpec((1, 1, 1), source),
        *zeros,
        *(TensorSpec((units,), _float32(source * weight), dtype="int32", data=b) for b in biases),
        TensorSpec((1, units), 2.0**-15, variable=True),
        TensorSpec((1, units), 2.0**-15, 0, "int16", variable=True),
        TensorSpec((1, 1, units), 2.0**-15),
    ]
    operands = (*range(9), -1, -1, -1, *range(9, 13), -1, -1, 13, 14, -1, -1, -1, -1)
    op = OpSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (15,), {"fusedActivationFunction": 4})
    return write_tflite(tensors, [op], [0], [15]), np.zeros((1, 1, 1), np.int8)


TIES = {"svdf, output": svdf_bias_ties, "svdf, state": svdf_feature_ties, "lstm": lstm_ties}


def _svdf_of(feature: np.ndarray, time: np.ndarray, bias: np.ndarray, scales: Sequence[float]) -> bytes:
    source, of_feature, of_time, state, out = scales
    tensors = [
        TensorSpec((1, feature.shape[1]), source),
        TensorSpec(feature.shape, of_feature, data=feature),
        TensorSpec(time.shape, of_time, data=time),
        TensorSpec(bias.shape, _float32(state * of_time), dtype="int32", data=bias),
        TensorSpec((1, time.size), state, variable=True),
        TensorSpec((1, bias.size), out),
    ]
    return write_tflite(tensors, [OpSpec("SVDF", (0, 1, 2, 3, 4), (5,), {"rank": 1})], [0], [5])


def _next_to_halves(rng: np.random.Generator, count: int, most: int, multiplier: float) -> np.ndarray:
    """Integers that times the multiplier come near a half, up to ``most`` in magnitude."""
    halves = rng.integers(-most, most, count) + 0.5
    near = np.round(halves / multiplier) + rng.integers(-1, 2, count)
    return near.clip(-(2**31) + 1, 2**31 - 1).astype(np.int32)
