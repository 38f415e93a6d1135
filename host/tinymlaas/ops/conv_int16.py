"""CONV_INT16: what layers with int16 activations and int8 weights are lowered to, all of them."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import WIDE_CHANNEL
from . import weighted
from .window import Window


def rows(count: int, in_c: int, out_c: int) -> Window:
    """A fully-connected layer as a window: of one tap, down a column."""
    return Window(count, 1, in_c, count, 1, out_c, 1, 1, 0, 0, 1, 1, 1, 1)


def lower(
    graph: Graph, op: Op, window: Window, weights: Array, limits: tuple[int, int], reals: list[float], macs: int
) -> Step:
    """The step of a layer; weights: [out_c, taps * filter_c], as each filter sees its input."""
    fields = window.fields() | {
        "filter_c": weights.shape[1] // (window.filter_h * window.filter_w),
        "act_min": limits[0],
        "act_max": limits[1],
        "sum_bytes": 8 if weighted.sums_64_bits(graph, op) else 4,
    }
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    constants = {"weights": np.ascontiguousarray(weights).tobytes(), "channels": _channels(graph, op, reals)}
    return Step("CONV_INT16", op, fields, operands, constants, 0, macs)


def _channels(graph: Graph, op: Op, reals: list[float]) -> bytes:
    m, s = weighted.multipliers(reals)
    if weighted.sums_64_bits(graph, op):
        m = q.reduced_multiplier(m) << 16
    biases = weighted.bias_of(graph, op, len(reals))
    return b"".join(
        WIDE_CHANNEL.pack(
            {"bias_low": bias & 0xFFFFFFFF, "bias_high": bias >> 32, "multiplier": multiplier, "shift": shift}
        )
        for bias, multiplier, shift in zip(biases.tolist(), m.tolist(), s.tolist(), strict=True)
    )
