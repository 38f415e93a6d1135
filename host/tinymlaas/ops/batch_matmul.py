"""BATCH_MATMUL: products of matrices, batches broadcast. A pass makes FULLY_CONNECTED of it where the second is a constant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import binary, weighted
from .base import OpSpec
from .checks import (
    inconsistent,
    int8_operand,
    int8_output,
    multiplier,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    values,
)

_MAX_DEPTH = 1 << 15  # products whose sum fits 32 bits
_BATCHES = 3  # dimensions of the record
_U16 = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class BatchMatMul:
    """Attributes: whether the first or the second lie transposed."""

    adj_x: bool
    adj_y: bool


def _parse(options: Table) -> BatchMatMul:
    return BatchMatMul(
        options.boolean(schema.BatchMatMulOptions.ADJ_X), options.boolean(schema.BatchMatMulOptions.ADJ_Y)
    )


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    a, b = int8_operand(graph, op, 0, "first input"), int8_operand(graph, op, 1, "second input")
    result = int8_output(graph, op)
    if a.data is not None and b.data is not None:
        raise refuse(graph, op, "both inputs are constants", "fold the layer when converting the model")
    if min(len(a.shape), len(b.shape)) < 2:
        raise inconsistent(graph, op, f"multiplies {list(a.shape)} by {list(b.shape)}")
    rows, depth, columns = _sizes(graph, op)
    try:
        batches = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError as error:
        raise inconsistent(graph, op, f"batches of {list(a.shape)} and {list(b.shape)} do not broadcast") from error
    if b.shape[-1 if op.attrs.adj_y else -2] != depth:
        raise inconsistent(graph, op, f"multiplies {list(a.shape)} by {list(b.shape)}")
    same_shape(graph, op, result.shape, (*batches, rows, columns), "output")
    joined, _ = binary.joined_shape(batches, (a.shape[:-2], b.shape[:-2]))
    if depth > _MAX_DEPTH or len(joined) > _BATCHES or max(joined, default=1) > _U16:
        shapes = f"{list(a.shape)} by {list(b.shape)}"
        raise refuse(
            graph, op, f"multiplies {shapes}", f"supported are sums of {_MAX_DEPTH} in three dimensions of batches"
        )
    multiplier(graph, op, _real(graph, op), "ratio of scales")


def _sizes(graph: Graph, op: Op) -> tuple[int, int, int]:
    """Rows, depth and columns."""
    a, b = (graph.tensor(t).shape[-2:] for t in op.inputs)
    rows, depth = a[::-1] if op.attrs.adj_x else a
    return rows, depth, b[0] if op.attrs.adj_y else b[1]


def _real(graph: Graph, op: Op) -> float:
    a, b, out = binary.scales(graph, op)
    return a * b / out


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    a, b = (binary.centred(graph, op, i, present(x).astype(np.int64)) for i, x in enumerate(inputs))
    a, b = (x.swapaxes(-1, -2) if turned else x for x, turned in ((a, op.attrs.adj_x), (b, op.attrs.adj_y)))
    scale = q.quantize_multiplier(_real(graph, op))
    limits, zero_point = (q.INT8_MIN, q.INT8_MAX), quant_of(output(graph, op)).zero_point
    return [q.requantize(weighted.exact_matmul(a, b), *scale, zero_point, limits)]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    a, b = (graph.tensor(t) for t in op.inputs)
    batches, alone = binary.joined_shape(output(graph, op).shape[:-2], (a.shape[:-2], b.shape[:-2]))
    lead = _BATCHES - len(batches)
    m, s = q.quantize_multiplier(_real(graph, op))
    fields = {
        **dict(zip(("rows", "depth", "columns"), _sizes(graph, op), strict=True)),
        "batch": [1] * lead + batches,
        "broadcast1": binary.mask(alone[0]) << lead,
        "broadcast2": binary.mask(alone[1]) << lead,
        "constants": (a.data is not None) + 2 * (b.data is not None),
        "transposed": op.attrs.adj_x + 2 * op.attrs.adj_y,
        "multiplier": m,
        "shift": s,
        "in_zero_point": quant_of(a).zero_point,
        "in2_zero_point": quant_of(b).zero_point,
        "out_zero_point": quant_of(output(graph, op)).zero_point,
    }
    inputs = dict(zip(("input", "input2"), op.inputs, strict=True))
    constants = {n: values(graph.tensor(t)).tobytes() for n, t in inputs.items() if graph.tensor(t).data is not None}
    operands = {n: graph.storage(t) for n, t in inputs.items() if n not in constants}
    operands["output"] = graph.storage(op.outputs[0])
    return Step("BATCH_MATMUL", op, fields, operands, constants, macs=_macs(graph, op))


def _macs(graph: Graph, op: Op) -> int:
    return math.prod(output(graph, op).shape) * _sizes(graph, op)[1]


SPEC = OpSpec("BATCH_MATMUL", _parse, _check, _evaluate, _lower, _macs)
