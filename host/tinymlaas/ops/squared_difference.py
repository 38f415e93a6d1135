"""SQUARED_DIFFERENCE, (a - b)^2, in a common scale with 7 bits to spare, int16 with none."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier, output

_LEFT_SHIFTS = {"int8": 7, "int16": 0}


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op, tuple(_LEFT_SHIFTS))
    multiplier(graph, op, _reals(graph, op)[2], "ratio of scales")


def _reals(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Multipliers of the inputs and of the square, as ``PrepareQuantized``."""
    a, b, out = binary.scales(graph, op)
    common = 2.0 * max(a, b)
    return (
        a / common,
        b / common,
        common * common / float(np.float32(1 << 2 * _LEFT_SHIFTS[output(graph, op).dtype]) * np.float32(out)),
    )


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    first, second, whole = (q.quantize_multiplier(r) for r in _reals(graph, op))
    bits = _LEFT_SHIFTS[output(graph, op).dtype]
    left = binary.scaled(binary.centred(graph, op, 0, a), bits, first)
    right = binary.scaled(binary.centred(graph, op, 1, b), bits, second)
    return binary.requantised(graph, op, (left - right) ** 2, whole)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return binary.common_numbers(_reals(graph, op))


SPEC = binary.spec("SQUARED_DIFFERENCE", binary.parse_plain, _check, _function, _numbers)
