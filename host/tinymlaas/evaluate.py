"""The meaning of a graph: its operators' numpy definitions, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .errors import UsageError
from .graph import Array, Graph, Op
from .ops import OPS


def evaluate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """Outputs for ``inputs``, both in the graph's order, shapes and dtypes, at the first run. Raises UsageError for other inputs."""
    last = {graph.storage(t): op for op in graph.ops for t in (*op.outputs, *op.inputs) if t >= 0}
    kept = {graph.storage(t) for t in graph.outputs}
    values = _checked(graph, inputs)
    for op in graph.ops:
        _run(graph, op, values)
        for index in {graph.storage(t) for t in (*op.outputs, *op.inputs) if t >= 0} - kept:
            if last[index] is op:  # nobody reads it any more: a deep model would fill the memory
                values.pop(index, None)
    return [value_of(graph, values, t) for t in graph.outputs]


def evaluate_all(graph: Graph, inputs: Sequence[Array]) -> dict[int, Array]:
    """Every activation by tensor index, as far as operators write it; views stand under the tensor that holds them."""
    values = _checked(graph, inputs)
    for op in graph.ops:
        _run(graph, op, values)
    return values


def _run(graph: Graph, op: Op, values: dict[int, Array]) -> None:
    operands = [_operand(graph, values, t) for t in op.inputs]
    for tensor, result in zip(op.outputs, OPS[op.code].evaluate(graph, op, operands), strict=True):
        values[graph.storage(tensor)] = result


def value_of(graph: Graph, values: Mapping[int, Array], index: int) -> Array:
    """The value of a tensor in its own shape, read through a view."""
    return values[graph.storage(index)].reshape(graph.tensor(index).shape)


def layer_outputs(graph: Graph, inputs: Sequence[Array]) -> list[tuple[Op, Array]]:
    """Every operator with what it wrote."""
    values = evaluate_all(graph, inputs)
    return [(op, value_of(graph, values, t)) for op in graph.ops for t in op.outputs]


def _operand(graph: Graph, values: Mapping[int, Array], index: int) -> Array | None:
    if index < 0:
        return None
    data = graph.tensor(index).data
    return data if data is not None else value_of(graph, values, index)


def _checked(graph: Graph, inputs: Sequence[Array]) -> dict[int, Array]:
    if len(inputs) != len(graph.inputs):
        raise UsageError(f"{graph.name}: {len(inputs)} inputs given, the model has {len(graph.inputs)}")
    values = {}
    for index, value in zip(graph.inputs, inputs, strict=True):
        tensor = graph.tensor(index)
        if value.shape != tensor.shape or value.dtype != np.dtype(tensor.dtype):
            given = f"{value.dtype} {list(value.shape)}"
            raise UsageError(
                f"{graph.name}: input '{tensor.name}' is {tensor.dtype} {list(tensor.shape)}, given was {given}"
            )
        values[index] = value
    for state in graph.states:
        tensor = graph.tensor(state.read)
        values[state.read] = np.frombuffer(state.initial, tensor.dtype).reshape(tensor.shape)
    return values
