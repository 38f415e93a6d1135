"""LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT of booleans, which are bytes of 0 or 1: the smaller, the larger, a table."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op, Tensor
from ..planfmt import BINARY_FUNCTIONS
from . import binary
from .checks import inconsistent, operand, operand_count, output, same_shape
from .lookup import spec

_FUNCTIONS = {"LOGICAL_AND": "MINIMUM", "LOGICAL_OR": "MAXIMUM"}


def boolean(graph: Graph, op: Op, position: int, role: str) -> Tensor:
    """Check that an input is a boolean."""
    tensor = operand(graph, op, position, role)
    if tensor.dtype != "bool" or tensor.size == 0:
        raise inconsistent(graph, op, f"{role} '{tensor.name}' is {tensor.dtype} {list(tensor.shape)}, expected bool")
    return tensor


def _check_output(graph: Graph, op: Op) -> None:
    if output(graph, op).dtype != "bool":
        raise inconsistent(graph, op, f"output is {output(graph, op).dtype}, expected bool")


def _check_binary(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    binary.check_broadcast(graph, op, boolean(graph, op, 0, "first input"), boolean(graph, op, 1, "second input"))
    _check_output(graph, op)


def _check_not(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    same_shape(graph, op, output(graph, op).shape, boolean(graph, op, 0, "input").shape, "output")
    _check_output(graph, op)


def _and(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    smaller: Array = np.minimum(a, b).astype(np.bool)
    return smaller


def _or(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    larger: Array = np.maximum(a, b).astype(np.bool)
    return larger


def _not(graph: Graph, op: Op, x: Array) -> Array:
    zero: Array = x == 0
    return zero


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return {"function": BINARY_FUNCTIONS[_FUNCTIONS[op.code]]}


SPECS = (
    binary.spec("LOGICAL_AND", binary.parse_plain, _check_binary, _and, _numbers),
    binary.spec("LOGICAL_OR", binary.parse_plain, _check_binary, _or, _numbers),
    spec("LOGICAL_NOT", binary.parse_plain, _check_not, _not),
)
