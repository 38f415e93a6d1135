"""RSQRT, 1 / sqrt(x), of inputs that cannot be negative: their zero point is -128."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import multiplier, output, quant_of, refuse
from .lookup import check_unary, spec

_SHIFT = 20  # keeps the root of an integer an integer


@dataclass(frozen=True, slots=True)
class Rsqrt:
    """No attributes."""


def _parse(options: Table) -> Rsqrt:
    return Rsqrt()


def _check(graph: Graph, op: Op) -> None:
    check_unary(graph, op)
    zero_point = quant_of(graph.tensor(op.inputs[0])).zero_point
    if zero_point != q.INT8_MIN:
        raise refuse(
            graph, op, f"input has the zero point {zero_point}, so that it may be negative", "-128 is supported"
        )
    _, shift = multiplier(graph, op, _real(graph, op), "ratio of scales")
    if not _SHIFT - 31 <= shift <= 30:
        raise refuse(graph, op, f"ratio of scales {_real(graph, op):g}", "supported are 2^-12 to 2^30")


def _real(graph: Graph, op: Op) -> float:
    a, b = (quant_of(t).scale for t in (graph.tensor(op.inputs[0]), output(graph, op)))
    return 1.0 / (math.sqrt(a) * b)


def _inverse_root(x: int) -> tuple[int, int]:
    """1 / sqrt(x) for 0 < x < 2^29 as multiplier and shift; ``GetInvSqrtQuantizedMultiplierExp``."""
    if x <= 1:
        return (1 << 31) - 1, 0
    left_pairs = (31 - x.bit_length()) // 2 - 1
    right_shift = 11 - left_pairs
    root = _newton(x << 2 * left_pairs)
    return (root << -right_shift, 0) if right_shift < 0 else (root, -right_shift)


def _newton(x: int) -> int:
    """sqrt(2) / 2 / sqrt(x) in Q3, for x in Q2 between 1 and 4: five steps of Newton's method."""

    def mul(a: int, b: int) -> int:
        return int(q.saturating_rounding_doubling_high_mul(np.array(a), b))

    half_x = int(q.rounding_divide_by_pot(np.array(x >> 1), 1))
    y = 1 << 28
    for _ in range(5):
        cube = _saturated(mul(mul(y, y), y) << 6)
        y = _saturated((mul((1 << 28) + (1 << 27), y) - mul(half_x, cube)) << 3)
    return mul(y, 1518500250)


def _saturated(x: int) -> int:
    return max(-(1 << 31), min(x, (1 << 31) - 1))


def _function(graph: Graph, op: Op, x: Array) -> Array:
    m, s = q.quantize_multiplier(_real(graph, op))
    zero_point, out = quant_of(graph.tensor(op.inputs[0])).zero_point, []
    for value in (x - zero_point).tolist():
        if value == 0:
            out.append(q.INT8_MAX)
            continue
        root, shift = _inverse_root(value)
        one = q.multiply_by_quantized_multiplier(np.array([1]), root, shift + _SHIFT)
        out.append(int(q.requantize(one, m, s - _SHIFT, quant_of(output(graph, op)).zero_point, (-128, 127))[0]))
    return np.array(out)


SPEC = spec("RSQRT", _parse, _check, _function)
