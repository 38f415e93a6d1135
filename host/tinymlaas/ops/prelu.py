"""PRELU: x, or below zero alpha * x, with an alpha of its own for each channel."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier, output, quant_of


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op)
    for real in _reals(graph, op):
        multiplier(graph, op, real, "ratio of scales")


def _reals(graph: Graph, op: Op) -> tuple[float, float]:
    """Multipliers of x and of alpha * x."""
    x, alpha, out = binary.scales(graph, op)
    return x / out, x * alpha / out


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    above, below = (q.quantize_multiplier(r) for r in _reals(graph, op))
    x, alpha = binary.centred(graph, op, 0, a), binary.centred(graph, op, 1, b)
    identity = q.multiply_by_quantized_multiplier(x, *above)
    sloped = q.multiply_by_quantized_multiplier(x * alpha, *below)
    shifted = np.where(x >= 0, identity, sloped) + quant_of(output(graph, op)).zero_point
    return q.saturate(shifted).astype(np.int8)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    (m1, s1), (m2, s2) = (q.quantize_multiplier(r) for r in _reals(graph, op))
    return {"multiplier1": m1, "shift1": s1, "out_multiplier": m2, "out_shift": s2}


SPEC = binary.spec("PRELU", binary.parse_plain, _check, _function, _numbers)
