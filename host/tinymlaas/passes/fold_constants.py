"""Layers whose inputs are constants become constants: the shapes that converters compute with SHAPE, STRIDED_SLICE, PACK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Array, Graph, Op, Tensor
from ..ops import OPS
from ..ops.checks import inconsistent

_MAX_ELEMENTS = 1 << 20  # more would make the module large for the sake of one layer
# Arithmetic on shapes, which are not quantised.
_INTEGERS: dict[str, Callable[[Any, Any], Any]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
}


def run(graph: Graph, target: str) -> Graph:
    """Compute what can be computed, in order."""
    tensors, ops = list(graph.tensors), []
    for op in graph.ops:
        found = _results(replace(graph, tensors=tuple(tensors)), op)
        if found is None or any(t in graph.outputs for t in op.outputs):
            ops.append(op)
            continue
        for index, value in zip(op.outputs, found, strict=True):
            tensors[index] = replace(tensors[index], data=value, shape=value.shape)
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def _results(graph: Graph, op: Op) -> list[Array] | None:
    """The values of a layer that needs no input; None for any other."""
    if op.code == "SHAPE":
        OPS[op.code].check(graph, op)
        return OPS[op.code].evaluate(graph, op, [])
    operands = graph.operands(op)
    if not operands or any(t is not None and t.data is None for t in operands):
        return None
    if sum(graph.tensor(t).size for t in op.outputs) > _MAX_ELEMENTS:
        return None
    return _computed(graph, op, operands)


def _computed(graph: Graph, op: Op, operands: list[Tensor | None]) -> list[Array] | None:
    values = [t.data if t is not None else None for t in operands]
    if op.code in _INTEGERS and all(t is not None and t.quant is None for t in operands):
        return _on_shapes(graph, op, operands)
    if op.code == "CAST":
        return _cast(graph, op, operands)
    if op.code == "RESHAPE":
        _check_reshape(graph, op)
    elif op.code not in OPS or OPS[op.code].places is None:
        return None
    else:
        OPS[op.code].check(graph, op)
    return OPS[op.code].evaluate(graph, op, values)


def _on_shapes(graph: Graph, op: Op, operands: list[Tensor | None]) -> list[Array] | None:
    """The result of a layer over two integers, or lists of them; None where it is not that."""
    tensors = [t for t in (*operands, graph.tensor(op.outputs[0])) if t is not None]
    if len(tensors) != 3 or len({t.dtype for t in tensors}) > 1 or tensors[0].dtype not in ("int32", "int64"):
        return None
    a, b, result = tensors
    if len(op.outputs) != 1 or max(len(t.shape) for t in tensors) > 1 or result.size != max(a.size, b.size):
        return None
    if a.size != b.size and 1 not in (a.size, b.size):
        return None
    return [np.asarray(_INTEGERS[op.code](a.data, b.data), result.dtype).reshape(result.shape)]


def _cast(graph: Graph, op: Op, operands: list[Tensor | None]) -> list[Array] | None:
    """Integers of shapes as another type; None where it is not that."""
    tensors = [t for t in (*operands, *(graph.tensor(t) for t in op.outputs)) if t is not None]
    if (
        len(tensors) != 2
        or not {t.dtype for t in tensors} <= {"int32", "int64"}
        or tensors[0].shape != tensors[1].shape
    ):
        return None
    return [np.asarray(tensors[0].data, tensors[1].dtype)]


def _check_reshape(graph: Graph, op: Op) -> None:
    """Its own check wants an activation."""
    source, result = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if len(op.outputs) != 1 or source.size != result.size:
        raise inconsistent(graph, op, f"cannot reshape {list(source.shape)} into {list(result.shape)}")
