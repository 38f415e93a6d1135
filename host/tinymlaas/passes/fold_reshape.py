"""RESHAPE, and whatever moves elements only to where they are, becomes a view: input and output share their bytes, nothing runs.

Inputs and outputs of the model keep their own storage, name and shape; of the two tensors the other becomes the view.
Where both are such, or their scales differ, the operator stays and copies.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph, Op
from ..ops import OPS


def run(graph: Graph, target: str) -> Graph:
    """Fold every operator that can be folded, in order."""
    states = {s.written for s in graph.states}  # their place is that of what they replace, which may still be read
    for op in graph.ops:
        position = _position(graph, op)
        if position is not None and op.outputs[0] not in states:
            graph = _fold(graph, op, op.inputs[position])
    return graph


def _position(graph: Graph, op: Op) -> int | None:
    """Which input the output is, byte for byte; None when it is none."""
    if op.code == "RESHAPE":
        return 0
    spec = OPS[op.code]
    if spec.places is None or len(op.outputs) != 1 or len(spec.moved(op)) != 1:
        return None
    position = spec.moved(op)[0]
    source, result = graph.tensor(op.inputs[position]), graph.tensor(op.outputs[0])
    if source.size != result.size or source.data is not None:
        return None
    return position if np.array_equal(spec.places(graph, op)[0], np.arange(source.size)) else None


def _fold(graph: Graph, op: Op, start: int) -> Graph:
    source, result = graph.storage(start), graph.storage(op.outputs[0])
    pinned = graph.pinned
    a, b = graph.tensor(start), graph.tensor(op.outputs[0])
    if a.quant != b.quant or (source in pinned and result in pinned):
        return graph
    view, owner = (source, result) if result in pinned else (result, source)
    tensors = list(graph.tensors)
    tensors[view] = replace(tensors[view], storage=owner)
    ops = tuple(other for other in graph.ops if other is not op)
    return replace(graph, tensors=tuple(tensors), ops=ops)
