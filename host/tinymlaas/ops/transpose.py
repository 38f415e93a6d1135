"""TRANSPOSE with a constant permutation."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from . import movement
from .checks import inconsistent, operand_count, present


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    source = movement.check_moved(graph, op)
    permutation = movement.parameter(graph, op, 1, "permutation")
    if sorted(permutation) != list(range(len(source.shape))):
        raise inconsistent(graph, op, f"permutation {permutation} of {len(source.shape)} dimensions")
    movement.check_shapes(graph, op, _move)


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.transpose(present(inputs[0]), movement.integers(inputs[1]))]


SPEC = movement.spec("TRANSPOSE", movement.no_attributes, _check, _move)
