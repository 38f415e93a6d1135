"""EXPAND_DIMS, SQUEEZE and BROADCAST_TO: other dimensions for the same elements. The first two usually become views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, operand_count, present


def _check_expand(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    movement.check_moved(graph, op)
    if len(movement.parameter(graph, op, 1, "axis")) != 1:
        raise inconsistent(graph, op, "more than one axis")
    movement.check_shapes(graph, op, _expand)


def _expand(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.expand_dims(present(inputs[0]), movement.integers(inputs[1])[0])]


@dataclass(frozen=True, slots=True)
class Squeeze:
    """Attributes; no dimensions: all of one element."""

    dims: tuple[int, ...]


def _parse_squeeze(options: Table) -> Squeeze:
    return Squeeze(tuple(options.vector(schema.SqueezeOptions.DIMS, "<i4").tolist()))


def _check_squeeze(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    movement.check_moved(graph, op)
    movement.check_shapes(graph, op, _squeeze)


def _squeeze(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.squeeze(present(inputs[0]), op.attrs.dims or None)]


def _check_broadcast(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    movement.check_moved(graph, op)
    movement.parameter(graph, op, 1, "shape")
    movement.check_shapes(graph, op, _broadcast)


def _broadcast(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.broadcast_to(present(inputs[0]), movement.integers(inputs[1]))]


SPECS = (
    movement.spec("EXPAND_DIMS", movement.no_attributes, _check_expand, _expand),
    movement.spec("SQUEEZE", _parse_squeeze, _check_squeeze, _squeeze),
    movement.spec("BROADCAST_TO", movement.no_attributes, _check_broadcast, _broadcast),
)
