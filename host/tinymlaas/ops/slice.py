"""SLICE and STRIDED_SLICE with constant places."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, operand_count, present, refuse


def _check_slice(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 3, 3)
    source = movement.check_moved(graph, op)
    begin, size = (movement.parameter(graph, op, i, role) for i, role in ((1, "begin"), (2, "size")))
    if len(begin) != len(source.shape) or len(size) != len(begin) or min([*begin, *size], default=0) < -1:
        raise inconsistent(graph, op, f"begin {begin}, size {size} of {len(source.shape)} dimensions")
    movement.check_shapes(graph, op, _slice)


def _slice(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    begin, size = movement.integers(inputs[1]), movement.integers(inputs[2])
    cuts = [slice(b, None if n == -1 else b + n) for b, n in zip(begin, size, strict=True)]
    return [present(inputs[0])[tuple(cuts)]]


@dataclass(frozen=True, slots=True)
class StridedSlice:
    """Attributes: masks with a bit for each dimension; ``offset``: ends count from their begins."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int
    offset: bool


def _parse(options: Table) -> StridedSlice:
    f = schema.StridedSliceOptions
    masks = (f.BEGIN_MASK, f.END_MASK, f.ELLIPSIS_MASK, f.NEW_AXIS_MASK, f.SHRINK_AXIS_MASK)
    begin, end, ellipsis, new, shrink = (options.int32(m) for m in masks)
    return StridedSlice(begin, end, ellipsis, new, shrink, options.boolean(f.OFFSET))


def _check_strided(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 4, 4)
    source = movement.check_moved(graph, op)
    roles = ((1, "begin"), (2, "end"), (3, "strides"))
    begin, end, strides = (movement.parameter(graph, op, i, role) for i, role in roles)
    if not len(begin) == len(end) == len(strides) <= len(source.shape) or 0 in strides:
        raise inconsistent(graph, op, f"begin {begin}, end {end}, strides {strides} of {len(source.shape)} dimensions")
    if op.attrs.ellipsis_mask or op.attrs.new_axis_mask:
        raise refuse(graph, op, "uses ... or new axes", "name all dimensions, and reshape after it")
    movement.check_shapes(graph, op, _strided)


def _strided(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    begin, end, strides = (movement.integers(x) for x in inputs[1:])
    if op.attrs.offset:
        end = [a + b for a, b in zip(begin, end, strict=True)]
    cuts = [_cut(op.attrs, i, *place) for i, place in enumerate(zip(begin, end, strides, strict=True))]
    return [present(inputs[0])[tuple(cuts)]]


def _cut(attrs: StridedSlice, i: int, begin: int, end: int, stride: int) -> int | slice:
    if attrs.shrink_axis_mask >> i & 1:
        return begin
    return slice(None if attrs.begin_mask >> i & 1 else begin, None if attrs.end_mask >> i & 1 else end, stride)


SPEC = movement.spec("SLICE", movement.no_attributes, _check_slice, _slice)
SPEC_STRIDED = movement.spec("STRIDED_SLICE", _parse, _check_strided, _strided)
