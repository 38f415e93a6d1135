"""FULLY_CONNECTED two products per multiplication; see native_module/kernels/m0plus/fully_connected.c for kernel and layout.

Two rows share the lanes of a word, so that both must hold in every window; windows are the same for all rows, chosen so that the
time for windows and for what rows must give up for them is least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant
from .swar import MAX_WINDOW, Requant, clip_windows, shared_requant

_ROWS = 4  # of a group that shares the inputs
_BLOCK_ROWS = 128
_STEP = 2  # inputs
_MAX_STEPS = 16  # of a window
_CHUNK_STEPS = 160  # inputs that lie in scratch at a time
_CHUNK_ENDS = 0x80
_ENTRY_WEIGHT = 127  # what an entry of the rest can take off a weight
_MAX_INPUTS = 1 << 16
_START = 0x8000  # of each window's sums

# Cycles, fitted to the emulated Pico.
_PER_STEP, _PER_WINDOW, _PER_REST, _PER_GROUP = 16.0, 13.0, 20.0, 45.0
_PER_SCALED, _PER_REQUANTISED = 24.0, 70.0  # outputs: by one proven scale, or each by its channel
_PER_INPUT, _PER_EXPANDED, _PER_BLOCK, _PER_CALL = 10.0, 35.0, 200.0, 400.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What the stream is made of. weights: clipped, [rows rounded up to 4, inputs rounded up to 2]; windows: steps of each, by chunk."""

    weights: Array
    rest: list[tuple[int, int, int]]  # row, input, weight; in the order of rows
    chunks: list[list[int]]


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | str:
    f = step.fields
    if f["out_features"] < 2 or f["in_features"] > _MAX_INPUTS:
        return "one row, or more than 65536 inputs"
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(f["out_features"], -1)
    layer, channels = split(weights), step.constants["channels"]
    scale = shared_requant(weights, channels, f)
    constants = {
        "weights": weight_words(layer),
        "channels": starts(layer, channels, scale),
        "aux": stream(layer, channels, scale),
    }
    return replace(step, constants=constants, scratch_bytes=_scratch_bytes(layer, f["out_features"]))


def split(weights: Array) -> Layer:
    """Windows, clipped weights and what was clipped, of weights [rows, inputs]."""
    rows, inputs = weights.shape
    padded = np.pad(weights.astype(np.int64), ((0, -rows % _ROWS), (0, -inputs % _STEP)))
    chunks = [
        windows(chunk) for chunk in np.split(padded, range(_STEP * _CHUNK_STEPS, inputs, _STEP * _CHUNK_STEPS), 1)
    ]
    rest, at = [], 0
    for length in (_STEP * steps for chunk in chunks for steps in chunk):
        part, taken = clip_windows(padded[:, at : at + length])
        padded[:, at : at + length] = part
        rest += [(index // length, at + index % length, weight) for index, weight in taken]
        at += length
    return Layer(padded, sorted(rest), chunks)


def windows(weights: Array) -> list[int]:
    """Steps of each window, for weights [rows, inputs]: the cheapest partition, by dynamic programming over where windows end."""
    total = weights.shape[1] // _STEP
    per_window = len(weights) // _ROWS * _PER_WINDOW + _PER_EXPANDED
    sums = np.abs(weights).reshape(len(weights), -1, _STEP).sum(axis=2).cumsum(axis=1)
    sums = np.pad(sums, ((0, 0), (1, 0)))
    best, length = [0.0], [0]
    for end in range(1, total + 1):
        lengths = np.arange(1, min(_MAX_STEPS, end) + 1)
        excess = np.maximum(sums[:, end, None] - sums[:, end - lengths] - MAX_WINDOW, 0)
        entries = -(-excess // _ENTRY_WEIGHT).sum(axis=0)
        costs = np.array(best)[end - lengths] + per_window + entries * _PER_REST
        best.append(float(costs.min()))
        length.append(int(lengths[costs.argmin()]))
    chosen: list[int] = []
    while total > 0:
        chosen.append(length[total])
        total -= length[total]
    return chosen[::-1]


def weight_words(layer: Layer) -> bytes:
    """Per block of rows, chunk, four rows and two inputs: a word of the first two rows, one of the others, bytes w + 128."""
    biased = (layer.weights + 128).astype(np.uint8)
    ends = np.cumsum([_STEP * sum(chunk) for chunk in layer.chunks])[:-1]
    out = []
    for block in np.split(biased, range(_BLOCK_ROWS, len(biased), _BLOCK_ROWS)):
        for part in np.split(block, ends, axis=1):
            out.append(part.reshape(len(block) // _ROWS, _ROWS, -1, _STEP).transpose(0, 2, 1, 3).tobytes())
    return b"".join(out)


def starts(layer: Layer, channels: bytes, scale: Requant | None) -> bytes:
    """What the sums start at. Even rows, in the low lanes, collect what windows start at."""
    biases = [CHANNEL.unpack(channels, at)["bias"] for at in range(0, len(channels), CHANNEL.nbytes)]
    values = np.zeros(len(layer.weights), np.int64)
    values[: len(biases)] = np.array(biases, np.int64) - (scale.origin if scale else 0)
    values[::2] -= _START * sum(map(len, layer.chunks))
    return values.astype(np.uint32).tobytes()


def stream(layer: Layer, channels: bytes, scale: Requant | None) -> bytes:
    """``aux``: sizes; the scale, or the channels where rows differ in theirs or none was proven; rest, windows."""
    rest = rest_words(layer.rest, len(layer.weights))
    lengths = [steps | (_CHUNK_ENDS if last else 0) for chunk in layer.chunks for steps, last in _marked(chunk)]
    sizes = _words([int(scale is not None), len(rest), len(layer.chunks), len(lengths)])
    return sizes + (_words(scale.words()) if scale else channels) + _words(rest) + bytes(lengths)


def _words(values: list[int]) -> bytes:
    return np.array(values, np.uint32).tobytes()


def _marked(chunk: list[int]) -> list[tuple[int, bool]]:
    return [(steps, number == len(chunk) - 1) for number, steps in enumerate(chunk)]


def rest_words(rest: list[tuple[int, int, int]], rows: int) -> list[int]:
    """Per block of rows: how many entries, then these with input, weight and row of the block in bits 0, 16, 24."""
    out = []
    for first in range(0, rows, _BLOCK_ROWS):
        block = [(row - first, source, weight) for row, source, weight in rest if first <= row < first + _BLOCK_ROWS]
        out += [len(block), *(source | (weight & 0xFF) << 16 | row << 24 for row, source, weight in block)]
    return out


def _scratch_bytes(layer: Layer, rows: int) -> int:
    lanes = max(8 * (sum(chunk) + len(chunk) + 1) for chunk in layer.chunks)
    return 4 * min(rows + -rows % _ROWS, _BLOCK_ROWS) + lanes


def _cost(step: Step, target: str) -> float:
    f = step.fields
    groups, steps, blocks = (
        -(-f[k] // n) for k, n in (("out_features", _ROWS), ("in_features", _STEP), ("out_features", _BLOCK_ROWS))
    )
    shared, rest, chunks, count = (int(n) for n in np.frombuffer(step.constants["aux"], np.uint32, 4))
    expanded = (blocks if chunks > 1 else 1) * (f["in_features"] * _PER_INPUT + count * _PER_EXPANDED)
    products = groups * (chunks * _PER_GROUP + steps * _PER_STEP + count * _PER_WINDOW) + rest * _PER_REST
    outputs = f["out_features"] * (_PER_SCALED if shared else _PER_REQUANTISED) + blocks * _PER_BLOCK
    return float(f["rows"] * (_PER_CALL + expanded + products + outputs))


VARIANTS = (Variant("swar", "FULLY_CONNECTED", frozenset({"m0plus"}), _lower, _cost),)
