"""PACK: inputs of one shape along a new axis."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from . import movement
from .checks import inconsistent, output, present, refuse
from .split import parse_pack


def _check(graph: Graph, op: Op) -> None:
    if not op.inputs or len(op.outputs) != 1:
        raise inconsistent(graph, op, f"{len(op.inputs)} inputs and {len(op.outputs)} outputs")
    tensors = [movement.check_moved(graph, op, i, f"input {i}") for i in range(len(op.inputs))]
    if any(t.quant != output(graph, op).quant for t in tensors):
        raise refuse(graph, op, "inputs with scales other than the output's", "quantise them alike")
    movement.check_size(graph, op, sum(t.size for t in tensors))
    movement.check_shapes(graph, op, _move, _moved(op))


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.stack([present(x) for x in inputs], op.attrs.axis)]


def _moved(op: Op) -> tuple[int, ...]:
    return tuple(range(len(op.inputs)))


SPEC = movement.spec("PACK", parse_pack, _check, _move, _moved)
