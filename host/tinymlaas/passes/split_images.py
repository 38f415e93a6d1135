"""Several images at once: kernels see one, so a convolution or pool over a batch becomes one for each, whose results are joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Array, Graph, Op, Tensor
from ..ops.concatenation import Concatenation
from ..ops.moved import Moved

MOST = 64  # images, and groups of channels: each costs a layer
_ONE_IMAGE = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")


def run(graph: Graph, target: str) -> Graph:
    """Split all that can be split; the check of the operator says what is wrong with the others."""
    for op in graph.ops:
        if op.code in _ONE_IMAGE and _is_batch(graph, op):
            graph = _split(graph, op)
    return graph


def _is_batch(graph: Graph, op: Op) -> bool:
    shapes = [graph.tensor(t).shape for t in (*op.inputs[:1], *op.outputs[:1]) if t >= 0]
    return len(shapes) == 2 and all(len(s) == 4 for s in shapes) and 1 < shapes[0][0] == shapes[1][0] <= MOST


def _split(graph: Graph, op: Op) -> Graph:
    image, result = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    tensors, ops = list(graph.tensors), []
    for number in range(image.shape[0]):
        places = np.arange(image.size // image.shape[0]) + number * (image.size // image.shape[0])
        one, taken = piece(tensors, op, op.inputs[0], (1, *image.shape[1:]), places)
        found = add(tensors, result, f"image {number}", (1, *result.shape[1:]))
        ops += [taken, replace(op, inputs=(one, *op.inputs[1:]), outputs=(found,))]
    return joined(graph, op, tensors, ops, axis=0)


def piece(tensors: list[Tensor], op: Op, source: int, shape: tuple[int, ...], places: Array) -> tuple[int, Op]:
    """A new tensor of elements of another, and the operator that takes them from there."""
    made = add(tensors, tensors[source], f"from {places[0]}", shape)
    return made, Op("MOVE", op.name, op.index, (source,), (made,), Moved(places.reshape(-1)))


def add(tensors: list[Tensor], like: Tensor, what: str, shape: tuple[int, ...]) -> int:
    """A new activation."""
    tensors.append(replace(like, name=f"{like.name}, {what}", shape=shape, storage=-1))
    return len(tensors) - 1


def joined(graph: Graph, op: Op, tensors: list[Tensor], ops: list[Op], axis: int) -> Graph:
    """The graph with these in place of an operator; the results of those like it become its result along an axis."""
    parts = tuple(one.outputs[0] for one in ops if one.code != "MOVE")
    attrs = Concatenation(axis, "NONE")
    ops = [*ops, Op("CONCATENATION", op.name, op.index, parts, op.outputs, attrs)]
    return graph.replacing(op, ops, tensors)
