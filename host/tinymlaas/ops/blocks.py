"""DEPTH_TO_SPACE, SPACE_TO_DEPTH, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND: blocks of pixels against channels or batches."""

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
class Block:
    """Attributes."""

    size: int


def _parse_depth_to_space(options: Table) -> Block:
    return Block(options.int32(schema.DepthToSpaceOptions.BLOCK_SIZE))


def _parse_space_to_depth(options: Table) -> Block:
    return Block(options.int32(schema.SpaceToDepthOptions.BLOCK_SIZE))


def _check_depth(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source = movement.check_moved(graph, op)
    if len(source.shape) != 4 or op.attrs.size < 1:
        raise inconsistent(graph, op, f"blocks of {op.attrs.size} in {list(source.shape)}")
    movement.check_shapes(graph, op, _depth_to_space if op.code == "DEPTH_TO_SPACE" else _space_to_depth)


def _depth_to_space(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    x, b = present(inputs[0]), op.attrs.size
    n, h, w, c = x.shape
    return [x.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // (b * b))]


def _space_to_depth(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    x, b = present(inputs[0]), op.attrs.size
    n, h, w, c = x.shape
    return [x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b * b)]


def _check_batch(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 3, 3)
    source = movement.check_moved(graph, op)
    block, around = (movement.parameter(graph, op, i, role) for i, role in ((1, "block shape"), (2, "paddings")))
    fits = 1 <= len(block) < len(source.shape) and len(around) == 2 * len(block)
    if not fits or min(block) < 1 or min(around) < 0:
        raise inconsistent(graph, op, f"blocks {block} with {around} around in {list(source.shape)}")
    sign = 1 if op.code == "SPACE_TO_BATCH_ND" else -1
    sizes = [n if sign > 0 else n * b for n, b in zip(source.shape[1:], block, strict=False)]
    around = [sum(around[i : i + 2]) for i in range(0, len(around), 2)]
    space = math.prod(n + sign * a for n, a in zip(sizes, around, strict=True))
    kept = source.size // math.prod(source.shape[1 : len(block) + 1])
    movement.check_size(graph, op, kept * space // (1 if sign > 0 else math.prod(block)))
    movement.check_shapes(graph, op, space_to_batch if op.code == "SPACE_TO_BATCH_ND" else batch_to_space)


def space_to_batch(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    """Every block's first pixels become a batch, then its second ones, after padding."""
    x, block = present(inputs[0]), movement.integers(inputs[1])
    pads = [(0, 0), *present(inputs[2]).tolist()]
    x = np.pad(x, pads + [(0, 0)] * (x.ndim - len(pads)), constant_values=fill)
    space, rest = x.shape[1 : len(block) + 1], x.shape[len(block) + 1 :]
    split = [n for size, b in zip(space, block, strict=True) for n in (size // b, b)]
    order = [2 * i + 2 for i in range(len(block))] + [0] + [2 * i + 1 for i in range(len(block))]
    order += range(2 * len(block) + 1, 2 * len(block) + 1 + len(rest))
    batches = x.shape[0] * int(np.prod(block))
    return [x.reshape(x.shape[0], *split, *rest).transpose(order).reshape(batches, *split[::2], *rest)]


def batch_to_space(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    """The way back, before cropping."""
    x, block = present(inputs[0]), movement.integers(inputs[1])
    space, rest = x.shape[1 : len(block) + 1], x.shape[len(block) + 1 :]
    batches, n = x.shape[0] // int(np.prod(block)), len(block)
    order = [n, *(k for i in range(n) for k in (n + 1 + i, i)), *range(2 * n + 1, 2 * n + 1 + len(rest))]
    sizes = [size * b for size, b in zip(space, block, strict=True)]
    x = x.reshape(*block, batches, *space, *rest).transpose(order).reshape(batches, *sizes, *rest)
    crops = present(inputs[2]).tolist()
    return [x[(slice(None), *(slice(a, size - b) for (a, b), size in zip(crops, sizes, strict=True)))]]


SPECS = (
    movement.spec("DEPTH_TO_SPACE", _parse_depth_to_space, _check_depth, _depth_to_space),
    movement.spec("SPACE_TO_DEPTH", _parse_space_to_depth, _check_depth, _space_to_depth),
    movement.spec("SPACE_TO_BATCH_ND", movement.no_attributes, _check_batch, space_to_batch),
    movement.spec("BATCH_TO_SPACE_ND", movement.no_attributes, _check_batch, batch_to_space),
)
