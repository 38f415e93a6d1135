"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL of operands with scales of their own; the first two also of bool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import BINARY_FUNCTIONS
from . import binary
from .base import OpSpec
from .checks import inconsistent, int8_operand, operand, operand_count, output, refuse

_LEFT_SHIFT = 8
_COMPARE: dict[str, Callable[[Array, Array], Array]] = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
}
_SWAPPED = {
    "GREATER": "LESS",
    "GREATER_EQUAL": "LESS_EQUAL",
}  # what the kernel does with the operands in the other order


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    a, b = (_operand(graph, op, i, f"{role} input") for i, role in enumerate(("first", "second")))
    if output(graph, op).dtype != "bool" or a.dtype != b.dtype:
        raise inconsistent(graph, op, f"compares {a.dtype} with {b.dtype} and gives {output(graph, op).dtype}")
    binary.check_broadcast(graph, op, a, b)


def _operand(graph: Graph, op: Op, position: int, role: str) -> Tensor:
    tensor = operand(graph, op, position, role)
    if tensor.dtype == "bool" and op.code in ("EQUAL", "NOT_EQUAL"):
        return tensor
    int8_operand(graph, op, position, role)
    if _scale(tensor) >= 1:
        raise refuse(
            graph, op, f"{role} '{tensor.name}' has the scale {_scale(tensor):g}", "supported are those below 1"
        )
    return tensor


def _scale(tensor: Tensor) -> float:
    """Booleans are compared as they are; any scale that loses no bit will do."""
    return tensor.quant.scale if tensor.quant and tensor.dtype != "bool" else 0.5


def _scaled(tensor: Tensor, x: Array) -> Array:
    centred = x - (tensor.quant.zero_point if tensor.quant and tensor.dtype != "bool" else 0)
    return binary.scaled(centred, _LEFT_SHIFT, q.quantize_multiplier(_scale(tensor)))


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    first, second = (_scaled(graph.tensor(t), x) for t, x in zip(op.inputs, (a, b), strict=True))
    return _COMPARE[op.code](first, second)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    (m1, s1), (m2, s2) = (q.quantize_multiplier(_scale(graph.tensor(t))) for t in op.inputs)
    scales = {"multiplier1": m1, "shift1": s1, "multiplier2": m2, "shift2": s2}
    return scales | {"function": BINARY_FUNCTIONS[_SWAPPED.get(op.code, op.code)]}


def _lower(graph: Graph, op: Op, target: str) -> Step:
    if op.code not in _SWAPPED:
        return binary.lower_binary(graph, op, _function, _numbers)
    swapped = replace(op, code=_SWAPPED[op.code], inputs=op.inputs[::-1])
    return replace(binary.lower_binary(graph, swapped, _function, _numbers), op=op)


def _spec(code: str) -> OpSpec:
    shared = binary.spec(code, binary.parse_plain, _check, _function, _numbers)
    return replace(shared, lower=_lower)


SPECS = tuple(_spec(code) for code in _COMPARE)
