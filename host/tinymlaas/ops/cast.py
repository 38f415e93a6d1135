"""CAST between integers and booleans: their lower bytes are moved, to more bits it is a QUANTIZE by 1, from int8 to bool a table."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import DTYPE_BYTES, DTYPES
from .base import OpSpec
from .checks import operand, operand_count, output, present, refuse, same_shape
from .lookup import all_bytes, lookup_step
from .movement import no_attributes

_ZERO = b"\0"
_WIDER = {("int8", "int16"), ("int8", "int32"), ("int16", "int32")}
CASTS = _WIDER | {
    *((t, t) for t in ("int8", "int16", "int32", "bool")),
    *(("bool", t) for t in ("int8", "int16", "int32")),
    ("int8", "bool"), ("int16", "int8"), ("int32", "int8"), ("int32", "int16"),
}  # fmt: skip


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source, result = operand(graph, op, 0, "input"), output(graph, op)
    if (source.dtype, result.dtype) not in CASTS or source.size == 0:
        casts = f"{source.dtype} {list(source.shape)} to {result.dtype}"
        raise refuse(
            graph, op, f"casts {casts}", "supported are int8, int16, int32 and bool, and of these int8 to bool"
        )
    same_shape(graph, op, result.shape, source.shape, "output")


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    return [present(inputs[0]).astype(output(graph, op).dtype)]


def _lower(graph: Graph, op: Op, target: str) -> Step | tuple[Step, ...]:
    source, result = graph.tensor(op.inputs[0]), output(graph, op)
    if (source.dtype, result.dtype) == ("int8", "bool"):
        return lookup_step(graph, op, op.inputs[0], (all_bytes("int8") != 0).view(np.uint8))
    if (source.dtype, result.dtype) in _WIDER:
        return _widened(graph, op, source, result)
    width, item = DTYPE_BYTES[source.dtype], DTYPE_BYTES[result.dtype]
    fields = {
        "count": [1, 1, source.size, min(width, item)],
        "in_stride": [0, 0, width, 1],
        "out_stride": [0, 0, item, 1],
    }
    if width == item:
        fields = {"count": [1, 1, 1, source.bytes], "in_stride": [0, 0, 0, 1], "out_stride": [0, 0, 0, 1]}
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    moved = Step("MOVE", op, fields, operands)
    return moved if width >= item else (_zeros(graph, op), moved)


def _widened(graph: Graph, op: Op, source: Tensor, result: Tensor) -> Step:
    m, s = q.quantize_multiplier(1.0)
    types = {"in_dtype": DTYPES[source.dtype], "out_dtype": DTYPES[result.dtype]}
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("QUANTIZE", op, {"count": source.size, "multiplier": m, "shift": s} | types, operands)


def _zeros(graph: Graph, op: Op) -> Step:
    fields = {
        "count": [1, 1, 1, output(graph, op).bytes],
        "in_stride": [0] * 4,
        "out_stride": [0, 0, 0, 1],
        "constant": 1,
    }
    return Step("MOVE", op, fields, {"output": graph.storage(op.outputs[0])}, {"input": _ZERO})


SPEC = OpSpec("CAST", no_attributes, _check, _evaluate, _lower, lambda graph, op: 0)
