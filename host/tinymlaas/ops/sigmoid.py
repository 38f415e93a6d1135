"""LOGISTIC and TANH of int16, which the LSTM uses too: one table of sigmoid(i / 24) with straight lines between its entries."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from .checks import output, quant_of, refuse

_BITS = 12  # after the point, of what goes in
_OUTPUT = 2.0**-15  # scale
_MOST = (1 << 15) - 1  # of the multiplier
# Exponents of scales that need no multiplier of 15 bits: the table's places are three times what goes in.
_EXACT = {"LOGISTIC": (-_BITS,), "TANH": (-_BITS, 1 - _BITS)}


@cache
def table() -> Array:
    """sigmoid(i / 24) * 65536, raised by half of what chords between entries fall short: TFLite's ``sigmoid_table_uint16``."""
    s = 1 / (1 + np.exp(-np.arange(256) / 24))
    curvature = s * (1 - s) * (1 - 2 * s) / 24**2
    entries: Array = np.floor(65536 * (s - curvature / 16) + 0.5).astype("<u2")
    entries[-1] = 65535
    return entries


def logistic(x: Array) -> Array:
    """Of x / (3 * 2^12), in Q0.15; ``Logistic`` of int16."""
    y = _interpolated(np.abs(x), 9, 65534)
    return np.where(x >= 0, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1) >> 10


def tanh(x: Array) -> Array:
    """Of x / (3 * 2^12), in Q0.15; ``Tanh`` of int16."""
    y = _interpolated(np.abs(x), 8, 65535)
    return np.where(x >= 0, y - (1 << 23) + (1 << 7), (1 << 23) - y + (1 << 7) - 1) >> 8


def _interpolated(x: Array, bits: int, top: int) -> Array:
    """The table at x >= 0 with ``bits`` after the point, times 2^bits; from its end on ``top``."""
    entries, at = table().astype(np.int64), np.minimum(x >> bits, 254)
    between = (entries[at] << bits) + (x & ((1 << bits) - 1)) * (entries[at + 1] - entries[at])
    return np.where(x >> bits >= 255, top << bits, between)


def check_wide(graph: Graph, op: Op) -> None:
    """Check the scales of an operator of int16."""
    quant, (multiplier, _) = quant_of(output(graph, op)), scaling(graph, op)
    if quant.scale != _OUTPUT:
        raise refuse(graph, op, f"output scale {quant.scale:g}", "of int16 only 1/32768 is supported")
    if multiplier > _MOST:
        scale = quant_of(graph.tensor(op.inputs[0])).scale
        raise refuse(
            graph, op, f"input scale {scale:g}", f"of int16 supported are those up to {_MOST / (3 << _BITS):g}"
        )


def scaling(graph: Graph, op: Op) -> tuple[int, int]:
    """Multiplier, cut off, not rounded, and right shift that bring the input to the table's places."""
    scale = quant_of(graph.tensor(op.inputs[0])).scale
    for exponent in _EXACT[op.code]:
        if scale == 2.0**exponent:
            return 3 << (exponent + _BITS), 0
    real, shift = scale * (3 << _BITS), 0
    while real <= _MOST / 2 and shift <= 30:
        real, shift = real * 2, shift + 1
    return int(min(real, _MOST + 1.0)), shift


def evaluate_wide(graph: Graph, op: Op, x: Array) -> Array:
    """The values for int16 as int64."""
    multiplier, shift = scaling(graph, op)
    scaled = (x * multiplier + ((1 << shift) >> 1)) >> shift
    return logistic(scaled) if op.code == "LOGISTIC" else tanh(scaled)


def lower_wide(graph: Graph, op: Op) -> Step:
    """The step of a checked operator of int16."""
    multiplier, shift = scaling(graph, op)
    fields = {
        "count": output(graph, op).size,
        "multiplier": multiplier,
        "shift": shift,
        "function": int(op.code == "TANH"),
    }
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("SIGMOID_INT16", op, fields, operands, {"table": table().tobytes()})
