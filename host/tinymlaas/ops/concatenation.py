"""CONCATENATION of up to 64 inputs that are quantised like the output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, output, present, refuse


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Attributes."""

    axis: int
    activation: str


def _parse(options: Table) -> Concatenation:
    f = schema.ConcatenationOptions
    return Concatenation(options.int32(f.AXIS), schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION)))


def _check(graph: Graph, op: Op) -> None:
    if not op.inputs or len(op.outputs) != 1:
        raise inconsistent(graph, op, f"{len(op.inputs)} inputs and {len(op.outputs)} outputs")
    tensors = [movement.check_moved(graph, op, i, f"input {i}") for i in range(len(op.inputs))]
    result = output(graph, op)
    if op.attrs.activation != "NONE":
        raise refuse(graph, op, f"fused activation {op.attrs.activation}", "give it a layer of its own")
    if any(t.quant != result.quant for t in tensors):
        raise refuse(graph, op, "inputs with scales other than the output's", "quantise them alike")
    movement.check_size(graph, op, sum(t.size for t in tensors))
    movement.check_shapes(graph, op, _move, _moved(op))


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.concatenate([present(x) for x in inputs], op.attrs.axis)]


def _moved(op: Op) -> tuple[int, ...]:
    return tuple(range(len(op.inputs)))


SPEC = movement.spec("CONCATENATION", _parse, _check, _move, _moved)
