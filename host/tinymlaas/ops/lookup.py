"""What operators share that map one byte to one byte: a table of 256 results, computed here, is all that the device needs.

Some take int16 too and compute each element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite.reader import Table
from .base import OpSpec
from .checks import (
    activation_input,
    activation_output,
    int8_input,
    int8_output,
    is_wide,
    operand_count,
    output,
    present,
    same_shape,
)

# (graph, op, all values of the input as int64) → the output's values, already within its type.
Function = Callable[[Graph, Op, Array], Array]


def spec(
    code: str,
    parse: Callable[[Table], Any],
    check: Callable[[Graph, Op], None],
    function: Function,
    wide: Callable[[Graph, Op], Step] | None = None,
) -> OpSpec:
    """An operator that is a function of one int8, or also of one int16, whose step ``wide`` gives."""

    def evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
        x = present(inputs[0])
        if x.dtype == np.int16:
            return [function(graph, op, x.astype(np.int64)).astype(np.int16)]
        table = _table(graph, op, function).view(output(graph, op).dtype)
        return [table[np.ascontiguousarray(x).view(np.uint8)].reshape(output(graph, op).shape)]

    def lower(graph: Graph, op: Op, target: str) -> Step:
        if wide is not None and is_wide(graph, op):
            return wide(graph, op)
        return lookup_step(graph, op, op.inputs[0], _table(graph, op, function))

    return OpSpec(code, parse, check, evaluate, lower, lambda graph, op: 0)


def check_unary(graph: Graph, op: Op) -> None:
    """Check one int8 input and an int8 output of the same shape."""
    operand_count(graph, op, 1, 1)
    source, result = int8_input(graph, op), int8_output(graph, op)
    same_shape(graph, op, result.shape, source.shape, "output")


def check_either(graph: Graph, op: Op) -> None:
    """Check one input, int8 or int16, and an output of the same type and shape."""
    operand_count(graph, op, 1, 1)
    source = activation_input(graph, op)
    same_shape(graph, op, activation_output(graph, op, source.dtype).shape, source.shape, "output")


def lookup_step(graph: Graph, op: Op, source: int, table: Array) -> Step:
    """The step that sends each byte of a tensor through a table of 256 bytes."""
    operands = {"input": graph.storage(source), "output": graph.storage(op.outputs[0])}
    return Step("LOOKUP", op, {"count": output(graph, op).size}, operands, {"table": table.tobytes()})


def all_bytes(dtype: str) -> Array:
    """The values of the bytes 0 to 255, in this order."""
    return np.arange(256, dtype=np.uint8).view(dtype)


def _table(graph: Graph, op: Op, function: Function) -> Array:
    source, result = graph.tensor(op.inputs[0]), output(graph, op)
    values = function(graph, op, all_bytes(source.dtype).astype(np.int64))
    return values.astype(result.dtype).view(np.uint8)
