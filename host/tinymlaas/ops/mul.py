"""MUL: the product of two operands."""

from __future__ import annotations

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op, tuple(q.LIMITS))
    multiplier(graph, op, _real(graph, op), "ratio of scales")


def _real(graph: Graph, op: Op) -> float:
    a, b, out = binary.scales(graph, op)
    return a * b / out


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    product = binary.centred(graph, op, 0, a) * binary.centred(graph, op, 1, b)
    return binary.requantised(graph, op, product, q.quantize_multiplier(_real(graph, op)))


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    m, s = q.quantize_multiplier(_real(graph, op))
    return {"out_multiplier": m, "out_shift": s}


SPEC = binary.spec("MUL", binary.parse_fused, _check, _function, _numbers)
