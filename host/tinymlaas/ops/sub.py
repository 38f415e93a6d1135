"""SUB: the difference of two operands, brought to a common scale with 20 bits to spare."""

from __future__ import annotations

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier, output, quant_of

_LEFT_SHIFT = 20


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op)
    for real in _reals(graph, op):
        multiplier(graph, op, real, "ratio of scales", max_shift=0)


def _reals(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Multipliers of the inputs and of their difference, in float64 as ``CalculateOpDataSub``."""
    a, b, out = binary.scales(graph, op)
    common = 2.0 * max(a, b)
    return a / common, b / common, common / ((1 << _LEFT_SHIFT) * out)


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    first, second, whole = (q.quantize_multiplier(r) for r in _reals(graph, op))
    left = binary.scaled(binary.centred(graph, op, 0, a), _LEFT_SHIFT, first)
    right = binary.scaled(binary.centred(graph, op, 1, b), _LEFT_SHIFT, second)
    return q.requantize(left - right, *whole, quant_of(output(graph, op)).zero_point, binary.limits(graph, op))


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return binary.common_numbers(_reals(graph, op))


SPEC = binary.spec("SUB", binary.parse_fused, _check, _function, _numbers)
