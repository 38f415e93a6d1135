"""RESIZE_BILINEAR to a constant size, in integers: places are counted in 1/1024 of a pixel."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .base import OpSpec
from .checks import (
    field_limits,
    inconsistent,
    int8_input,
    int8_output,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    values,
)
from .resize_nearest_neighbor import Resize, check_resize, parse

_ONE = 1 << 10
_U16 = (1 << 16) - 1
_SIDES = ("h", "w")


def _parse(options: Table) -> Resize:
    return parse(options, schema.ResizeBilinearOptions)


def _check(graph: Graph, op: Op) -> None:
    check_resize(graph, op)
    source, result = int8_input(graph, op), int8_output(graph, op)
    size = movement.parameter(graph, op, 1, "size")
    same_shape(graph, op, result.shape, (source.shape[0], *size, source.shape[3]), "output")
    if quant_of(source) != quant_of(result):
        raise refuse(graph, op, "input and output are not quantised alike", "quantise them alike")
    if op.attrs.align_corners and op.attrs.half_pixel_centers:
        raise inconsistent(graph, op, "align_corners and half_pixel_centers exclude each other")
    names = ("images", "input height", "input width", "channels", "output height", "output width")
    field_limits(graph, op, dict(zip(names, (*source.shape, *size), strict=True)), _U16)
    for side, before, after in zip(_SIDES, source.shape[1:3], size, strict=True):
        if _places(op.attrs, before, after)[-1] >= before * _ONE:
            raise refuse(
                graph, op, f"resizes {before} to {after} ({side})", "so much is beyond TensorFlow Lite's arithmetic"
            )


def _scale(attrs: Resize, size: int, out: int) -> tuple[int, int]:
    """Distance of two places, and the first place, in 1/1024 of a pixel; as ``ResizeBilinearInteger``."""
    corners = int(attrs.align_corners and out > 1)
    scale = (_ONE * (size - corners) + (out - corners) // 2) // (out - corners)
    return scale, scale // 2 - _ONE // 2 if attrs.half_pixel_centers else 0


def _places(attrs: Resize, size: int, out: int) -> Array:
    scale, offset = _scale(attrs, size, out)
    places: Array = np.maximum(np.arange(out, dtype=np.int64) * scale + offset, 0)
    return places


def _mixed(x: Array, places: Array, axis: int) -> Array:
    """Along one axis, times 1024."""
    first = places // _ONE
    second = np.minimum(first + 1, x.shape[axis] - 1)
    fraction = (places % _ONE).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    mixed: Array = x.take(first, axis) * (_ONE - fraction) + x.take(second, axis) * fraction
    return mixed


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    x = present(inputs[0]).astype(np.int64)
    for axis, out in ((1, output(graph, op).shape[1]), (2, output(graph, op).shape[2])):
        x = _mixed(x, _places(op.attrs, x.shape[axis], out), axis)
    rounded = np.sign(x) * ((np.abs(x) + _ONE * _ONE // 2) // (_ONE * _ONE))
    return [rounded.astype(np.int8)]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    images, *before, channels = graph.tensor(op.inputs[0]).shape
    fields = {"images": images, "channels": channels}
    for side, size, out in zip(_SIDES, before, values(graph.tensor(op.inputs[1])).reshape(-1).tolist(), strict=True):
        scale, offset = _scale(op.attrs, size, out)
        fields |= {f"in_{side}": size, f"out_{side}": out, f"scale_{side}": scale, f"offset_{side}": offset}
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("RESIZE_BILINEAR", op, fields, operands)


SPEC = OpSpec("RESIZE_BILINEAR", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
