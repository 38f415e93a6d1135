"""CAST between integers and booleans: their lower bytes are moved, to more bits it is a QUANTIZE by 1, from int8 to bool a table."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import DTYPE_BYTES
from .base import OpSpec
from .checks import operand, operand_count, output, present, refuse, same_shape
from .lookup import all_bytes, lookup_step
from .movement import Piece, fill, move_piece, no_attributes
from .quantize import rescaling

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
        return rescaling(graph, op, 1.0)
    width, item = DTYPE_BYTES[source.dtype], DTYPE_BYTES[result.dtype]
    rows = ((source.size, width, item), (min(width, item), 1, 1))
    piece = Piece(0, 0, rows if width != item else ((source.bytes, 1, 1),))
    moved = move_piece(graph, op, op.inputs[0], op.outputs[0], piece)
    return moved if width >= item else (fill(graph, op, op.outputs[0], 0), moved)


SPEC = OpSpec("CAST", no_attributes, _check, _evaluate, _lower, lambda graph, op: 0)
