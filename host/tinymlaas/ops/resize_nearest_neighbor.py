"""RESIZE_NEAREST_NEIGHBOR to a constant size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, operand_count, present


@dataclass(frozen=True, slots=True)
class Resize:
    """Attributes."""

    align_corners: bool
    half_pixel_centers: bool


def parse(options: Table, slots: type[schema.ResizeOptions] = schema.ResizeNearestNeighborOptions) -> Resize:
    """Attributes of either resize."""
    return Resize(options.boolean(slots.ALIGN_CORNERS), options.boolean(slots.HALF_PIXEL_CENTERS))


def check_resize(graph: Graph, op: Op) -> None:
    """Check an image and the two sizes that it gets."""
    operand_count(graph, op, 2, 2)
    source = movement.check_moved(graph, op)
    size = movement.parameter(graph, op, 1, "size")
    if len(source.shape) != 4 or len(size) != 2 or min(size) < 1:
        raise inconsistent(graph, op, f"resizes {list(source.shape)} to {size}")
    movement.check_size(graph, op, source.shape[0] * math.prod(size) * source.shape[3])


def _check(graph: Graph, op: Op) -> None:
    check_resize(graph, op)
    movement.check_shapes(graph, op, _move)


def _nearest(attrs: Resize, size: int, out: int) -> Array:
    """Which of ``size`` pixels each of ``out`` takes, in float32 as ``GetNearestNeighbor``."""
    corners = attrs.align_corners and out > 1
    scale = np.float32(size - 1) / np.float32(out - 1) if corners else np.float32(size) / np.float32(out)
    place = (np.arange(out, dtype=np.float32) + np.float32(0.5 if attrs.half_pixel_centers else 0)) * scale
    index = np.floor(place + np.float32(0.5)) if attrs.align_corners else np.floor(place)
    inside: Array = np.clip(index.astype(np.int64), 0, size - 1)
    return inside


def _move(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    x, size = present(inputs[0]), movement.integers(inputs[1])
    rows, columns = (_nearest(op.attrs, x.shape[i + 1], n) for i, n in enumerate(size))
    return [x[:, rows[:, None], columns[None, :]]]


SPEC = movement.spec("RESIZE_NEAREST_NEIGHBOR", parse, _check, _move)
