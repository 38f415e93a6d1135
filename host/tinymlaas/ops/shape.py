"""SHAPE: the shape of a tensor. Shapes are fixed, so a pass always makes it a constant."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from ..graph import Array, Graph, Op
from .base import OpSpec
from .checks import inconsistent, operand, operand_count, output, refuse
from .movement import no_attributes


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    operand(graph, op, 0, "input")
    if output(graph, op).dtype not in ("int32", "int64"):
        raise inconsistent(graph, op, f"output is {output(graph, op).dtype}, expected int32 or int64")


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    shape = graph.tensor(op.inputs[0]).shape
    return [np.array(shape, output(graph, op).dtype)]


def _lower(graph: Graph, op: Op, target: str) -> NoReturn:
    raise refuse(graph, op, "the shape is an output of the model", "leave it out: shapes are fixed")


SPEC = OpSpec("SHAPE", no_attributes, _check, _evaluate, _lower, lambda graph, op: 0)
