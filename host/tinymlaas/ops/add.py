"""ADD of two operands, each with its own scale, brought to a common one with 20 bits to spare, int16 with 15.

Two activations of int8 of one shape have a kernel of their own, which targets make faster.
"""

from __future__ import annotations

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from . import binary
from .base import OpSpec
from .binary import Fused as Add
from .checks import is_wide, multiplier, output, quant_of
from .weighted import range_fields

_LEFT_SHIFTS = {"int8": 20, "int16": 15}


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op, tuple(_LEFT_SHIFTS))
    for real in _reals(graph, op):
        multiplier(graph, op, real, "ratio of scales", max_shift=0)


def _reals(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Multipliers of the inputs and of their sum, as ``CalculateOpDataAdd``."""
    a, b = (quant_of(graph.tensor(t)).scale for t in op.inputs)
    common = 2.0 * max(a, b)
    return (
        a / common,
        b / common,
        common / ((1 << _LEFT_SHIFTS[output(graph, op).dtype]) * quant_of(output(graph, op)).scale),
    )


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    first, second, whole = (q.quantize_multiplier(r) for r in _reals(graph, op))
    bits = _LEFT_SHIFTS[output(graph, op).dtype]
    left = binary.scaled(binary.centred(graph, op, 0, a), bits, first)
    right = binary.scaled(binary.centred(graph, op, 1, b), bits, second)
    return binary.requantised(graph, op, left + right, whole)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return binary.common_numbers(_reals(graph, op))


def _lower(graph: Graph, op: Op, target: str) -> Step:
    a, b = (graph.tensor(t) for t in op.inputs)
    if a.shape != b.shape or a.data is not None or b.data is not None or is_wide(graph, op):
        return binary.lower_binary(graph, op, _function, _numbers)
    fields = {"count": output(graph, op).size, "in2_zero_point": quant_of(b).zero_point} | _numbers(graph, op)
    operands = {"input": op.inputs[0], "input2": op.inputs[1], "output": op.outputs[0]}
    fields |= range_fields(graph, op, binary.limits(graph, op))
    return Step("ADD", op, fields, {k: graph.storage(t) for k, t in operands.items()})


_SHARED = binary.spec("ADD", binary.parse_fused, _check, _function, _numbers)
SPEC = OpSpec("ADD", _SHARED.parse, _check, _SHARED.evaluate, _lower, _SHARED.macs)

__all__ = ["SPEC", "Add"]
