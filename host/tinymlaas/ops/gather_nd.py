"""GATHER_ND with constant indices."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from . import movement
from .checks import constant, inconsistent, operand_count, present, values


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    source = movement.check_moved(graph, op)
    indices = values(constant(graph, op, 1, "indices", ("int32",)))
    depth = indices.shape[-1] if indices.ndim else 0
    inside = 1 <= depth <= len(source.shape) and bool(((indices >= 0) & (indices < source.shape[:depth])).all())
    if not inside:
        raise inconsistent(graph, op, f"indices of shape {list(indices.shape)} reach outside {list(source.shape)}")
    movement.check_shapes(graph, op, _move)


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [present(inputs[0])[tuple(np.moveaxis(present(inputs[1]), -1, 0))]]


SPEC = movement.spec("GATHER_ND", movement.no_attributes, _check, _move)
