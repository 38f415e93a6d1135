"""GATHER with constant indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, operand_count, present, refuse


@dataclass(frozen=True, slots=True)
class Gather:
    """Attributes."""

    axis: int
    batch_dims: int


def _parse(options: Table) -> Gather:
    return Gather(options.int32(schema.GatherOptions.AXIS), options.int32(schema.GatherOptions.BATCH_DIMS))


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    source, indices = movement.check_moved(graph, op), movement.parameter(graph, op, 1, "indices")
    if op.attrs.batch_dims:
        raise refuse(graph, op, f"{op.attrs.batch_dims} batch dimensions", "supported are none")
    rank, axis = len(source.shape), op.attrs.axis
    if not -rank <= axis < rank or not all(0 <= i < source.shape[axis] for i in indices):
        raise inconsistent(graph, op, f"indices {indices} along axis {axis} of {list(source.shape)}")
    movement.check_size(graph, op, source.size // source.shape[axis] * len(indices))
    movement.check_shapes(graph, op, _move)


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.take(present(inputs[0]), present(inputs[1]), op.attrs.axis)]


SPEC = movement.spec("GATHER", _parse, _check, _move)
