"""Layers whose inputs are constants become constants: the shapes that converters compute with SHAPE, STRIDED_SLICE, PACK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Array, Graph, Op, Tensor
from ..ops import OPS

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
        return OPS[op.code].evaluate(graph, op, [])
    operands = graph.operands(op)
    if not operands or any(t is not None and t.data is None for t in operands):
        return None
    if sum(graph.tensor(t).size for t in op.outputs) > _MAX_ELEMENTS:
        return None
    return _computed(graph, op, operands)


def _computed(graph: Graph, op: Op, operands: list[Tensor | None]) -> list[Array] | None:
    values = [t.data if t is not None else None for t in operands]
    plain = all(t is None or t.quant is None for t in operands)
    if op.code in _INTEGERS and plain and len(values) == 2:
        return [np.asarray(_INTEGERS[op.code](*values), graph.tensor(op.outputs[0]).dtype)]
    if op.code != "RESHAPE":
        if op.code not in OPS or OPS[op.code].places is None:
            return None
        OPS[op.code].check(graph, op)
    return OPS[op.code].evaluate(graph, op, values)
