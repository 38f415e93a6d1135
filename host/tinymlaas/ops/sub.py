"""SUB: the difference of two operands, brought to a common scale with 20 bits to spare, int16 with 15."""

from __future__ import annotations

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier, output

_LEFT_SHIFTS = {"int8": 20, "int16": 15}


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op, tuple(_LEFT_SHIFTS))
    for real in _reals(graph, op):
        multiplier(graph, op, real, "ratio of scales", max_shift=0)


def _reals(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Multipliers of the inputs and of their difference, in float64 as ``CalculateOpDataSub``."""
    a, b, out = binary.scales(graph, op)
    common = 2.0 * max(a, b)
    return a / common, b / common, common / ((1 << _LEFT_SHIFTS[output(graph, op).dtype]) * out)


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    first, second, whole = (q.quantize_multiplier(r) for r in _reals(graph, op))
    bits = _LEFT_SHIFTS[output(graph, op).dtype]
    left = binary.scaled(binary.centred(graph, op, 0, a), bits, first)
    right = binary.scaled(binary.centred(graph, op, 1, b), bits, second)
    return binary.requantised(graph, op, left - right, whole)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return binary.common_numbers(_reals(graph, op))


SPEC = binary.spec("SUB", binary.parse_fused, _check, _function, _numbers)
