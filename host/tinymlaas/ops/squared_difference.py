"""SQUARED_DIFFERENCE, (a - b)^2, in a common scale with 7 bits to spare."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier, output, quant_of

_LEFT_SHIFT = 7


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op)
    multiplier(graph, op, _reals(graph, op)[2], "ratio of scales")


def _reals(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Multipliers of the inputs and of the square, as ``PrepareQuantized``."""
    a, b, out = binary.scales(graph, op)
    common = 2.0 * max(a, b)
    return a / common, b / common, common * common / float(np.float32(1 << 2 * _LEFT_SHIFT) * np.float32(out))


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    first, second, whole = (q.quantize_multiplier(r) for r in _reals(graph, op))
    left = binary.scaled(binary.centred(graph, op, 0, a), _LEFT_SHIFT, first)
    right = binary.scaled(binary.centred(graph, op, 1, b), _LEFT_SHIFT, second)
    zero_point = quant_of(output(graph, op)).zero_point
    return q.requantize((left - right) ** 2, *whole, zero_point, binary.limits(graph, op))


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return binary.common_numbers(_reals(graph, op))


SPEC = binary.spec("SQUARED_DIFFERENCE", binary.parse_plain, _check, _function, _numbers)
