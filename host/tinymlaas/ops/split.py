"""SPLIT, SPLIT_V and UNPACK: one input, several outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, present


def _check_outputs(graph: Graph, op: Op, operands: int) -> None:
    if len(op.inputs) != operands or not op.outputs:
        raise inconsistent(graph, op, f"{len(op.inputs)} inputs and {len(op.outputs)} outputs")


def _check_split(graph: Graph, op: Op) -> None:
    _check_outputs(graph, op, 2)
    source = movement.check_moved(graph, op, 1)
    axis = movement.parameter(graph, op, 0, "axis")
    if len(axis) != 1 or not -len(source.shape) <= axis[0] < len(source.shape):
        raise inconsistent(graph, op, f"axis {axis} of {len(source.shape)} dimensions")
    movement.check_shapes(graph, op, _split, (1,))


def _split(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return np.split(present(inputs[1]), len(op.outputs), movement.integers(inputs[0])[0])


def _check_split_v(graph: Graph, op: Op) -> None:
    _check_outputs(graph, op, 3)
    source = movement.check_moved(graph, op)
    sizes, axis = (movement.parameter(graph, op, i, role) for i, role in ((1, "sizes"), (2, "axis")))
    if len(axis) != 1 or not -len(source.shape) <= axis[0] < len(source.shape) or sizes.count(-1) > 1:
        raise inconsistent(graph, op, f"sizes {sizes}, axis {axis} of {len(source.shape)} dimensions")
    movement.check_shapes(graph, op, _split_v)


def _split_v(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    x, sizes, axis = present(inputs[0]), movement.integers(inputs[1]), movement.integers(inputs[2])[0]
    rest = x.shape[axis] - sum(n for n in sizes if n >= 0)
    return np.split(x, np.cumsum([rest if n < 0 else n for n in sizes])[:-1], axis)


@dataclass(frozen=True, slots=True)
class Axis:
    """Attributes of PACK and UNPACK."""

    axis: int


def parse_pack(options: Table) -> Axis:
    """Attributes from ``PackOptions``."""
    return Axis(options.int32(schema.PackOptions.AXIS))


def _parse_unpack(options: Table) -> Axis:
    return Axis(options.int32(schema.UnpackOptions.AXIS))


def _check_unpack(graph: Graph, op: Op) -> None:
    _check_outputs(graph, op, 1)
    source = movement.check_moved(graph, op)
    if not -len(source.shape) <= op.attrs.axis < len(source.shape):
        raise inconsistent(graph, op, f"axis {op.attrs.axis} of {len(source.shape)} dimensions")
    movement.check_shapes(graph, op, _unpack)


def _unpack(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return list(np.moveaxis(present(inputs[0]), op.attrs.axis, 0))


SPECS = (
    movement.spec("SPLIT", movement.no_attributes, _check_split, _split, lambda op: (1,)),
    movement.spec("SPLIT_V", movement.no_attributes, _check_split_v, _split_v),
    movement.spec("UNPACK", _parse_unpack, _check_unpack, _unpack),
)
