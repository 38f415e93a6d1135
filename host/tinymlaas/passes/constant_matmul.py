"""A BATCH_MATMUL by one constant matrix is a FULLY_CONNECTED, whose kernels are faster: the matrix as weights, one row per column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph, Op
from ..ops.checks import quant_of
from ..ops.fully_connected import FullyConnected


def run(graph: Graph, target: str) -> Graph:
    """Replace all of them whose matrix, less its zero point, fits int8."""
    for op in graph.ops:
        if op.code == "BATCH_MATMUL" and _fits(graph, op):
            graph = _connected(graph, op)
    return graph


def _fits(graph: Graph, op: Op) -> bool:
    matrix = graph.tensor(op.inputs[1])
    if matrix.data is None or op.attrs.adj_x or matrix.size != matrix.shape[-1] * matrix.shape[-2]:
        return False
    if len(matrix.shape) > len(graph.tensor(op.inputs[0]).shape):
        return False
    centred = matrix.data.astype(np.int64) - quant_of(matrix).zero_point
    return bool(centred.min() >= -128 and centred.max() <= 127)


def _connected(graph: Graph, op: Op) -> Graph:
    matrix = graph.tensor(op.inputs[1])
    assert matrix.data is not None
    data = matrix.data.reshape(matrix.shape[-2:])
    data = np.ascontiguousarray(data if op.attrs.adj_y else data.T)
    weights = replace(matrix, data=data, shape=data.shape)
    inputs = (op.inputs[0], len(graph.tensors), -1)
    layer = replace(op, code="FULLY_CONNECTED", inputs=inputs, attrs=FullyConnected("NONE", "DEFAULT", True))
    return graph.replacing(op, [layer], (*graph.tensors, weights))
