"""Convolutions whose filters see a group of the channels: one for each group, or a depthwise one where each group is one channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph, Op, Quant, Tensor
from ..ops.weighted import WEIGHTS
from .split_images import MOST, add, joined, piece

_BIAS = WEIGHTS + 1


def run(graph: Graph, target: str) -> Graph:
    """Split all that can be split; the check of the operator says what is wrong with the others."""
    for op in graph.ops:
        groups = _groups(graph, op) if op.code == "CONV_2D" else 1
        if groups > 1 and groups == graph.tensor(op.inputs[0]).shape[3]:
            graph = _depthwise(graph, op)
        elif 1 < groups <= MOST:
            graph = _split(graph, op, groups)
    return graph


def _groups(graph: Graph, op: Op) -> int:
    """How many there are; 1 also where operands are not what they should be, and of int16, whose kernel knows groups."""
    if len(op.inputs) < _BIAS or len(op.outputs) != 1 or any(t < 0 for t in op.inputs[:_BIAS]):
        return 1
    image, weights = (graph.tensor(t) for t in op.inputs[:_BIAS])
    constants = [graph.tensor(t) for t in op.inputs[WEIGHTS:] if t >= 0]
    if (
        image.dtype == "int16"
        or len(image.shape) != 4
        or len(weights.shape) != 4
        or any(t.data is None or not t.shape for t in constants)
    ):
        return 1
    groups, rest = divmod(image.shape[3], max(1, weights.shape[3]))
    per_filter = weights.quant is None or len(weights.quant.scales) in (1, weights.shape[0])
    return 1 if rest or groups < 1 or weights.shape[0] % groups or not per_filter else groups


def _depthwise(graph: Graph, op: Op) -> Graph:
    """Filter o sees channel o // multiplier in both; only the order of the weights differs."""
    weights = graph.tensor(op.inputs[WEIGHTS])
    assert weights.data is not None
    data = np.ascontiguousarray(weights.data.transpose(3, 1, 2, 0))
    quant = None if weights.quant is None else replace(weights.quant, axis=3 if weights.quant.per_channel else 0)
    tensors = (*graph.tensors, replace(weights, shape=data.shape, data=data, quant=quant))
    multiplier = weights.shape[0] // graph.tensor(op.inputs[0]).shape[3]
    layer = replace(
        op,
        code="DEPTHWISE_CONV_2D",
        inputs=(op.inputs[0], len(graph.tensors), *op.inputs[_BIAS:]),
        attrs=replace(op.attrs, depth_multiplier=multiplier),
    )
    return graph.replacing(op, [layer], tensors)


def _split(graph: Graph, op: Op, groups: int) -> Graph:
    image, result = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    numbers = np.arange(image.size).reshape(image.shape)
    filters = graph.tensor(op.inputs[WEIGHTS]).shape[0] // groups
    tensors, ops = list(graph.tensors), []
    for number, places in enumerate(np.split(numbers, groups, axis=3)):
        part, taken = piece(tensors, op, op.inputs[0], places.shape, places.reshape(-1))
        constants = [_some(tensors, t, slice(number * filters, (number + 1) * filters)) for t in op.inputs[WEIGHTS:]]
        found = add(tensors, result, f"group {number}", (*result.shape[:3], filters))
        ops += [taken, replace(op, inputs=(part, *constants), outputs=(found,))]
    return joined(graph, op, tensors, ops, axis=3)


def _some(tensors: list[Tensor], index: int, which: slice) -> int:
    """A new constant of some of the filters, or of their biases."""
    if index < 0:
        return index
    whole = tensors[index]
    assert whole.data is not None
    data = whole.data[which]
    tensors.append(replace(whole, shape=data.shape, data=data, quant=_quant(whole.quant, which)))
    return len(tensors) - 1


def _quant(quant: Quant | None, which: slice) -> Quant | None:
    if quant is None or not quant.per_channel:
        return quant
    points = quant.zero_points[which] if len(quant.zero_points) > 1 else quant.zero_points
    return replace(quant, scales=quant.scales[which], zero_points=points)
