"""MOVE: what a pass makes of several operators in a row that only move elements. No file holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from . import movement
from .checks import operand_count, output, present


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """Attributes: for each element of the output the number of the input's."""

    places: Array


def _parse(options: Table) -> Moved:
    return Moved(np.empty(0, np.int64))


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    movement.check_moved(graph, op)
    movement.check_shapes(graph, op, _move)


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [present(inputs[0]).reshape(-1)[op.attrs.places].reshape(output(graph, op).shape)]


SPEC = movement.spec("MOVE", _parse, _check, _move)
