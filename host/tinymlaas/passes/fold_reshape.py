"""RESHAPE becomes a view: input and output share their bytes, and nothing has to run.

Inputs and outputs of the model keep their own storage, name and shape; of the two tensors the other becomes the view.
Where both are such, or their scales differ, the RESHAPE stays and copies.
"""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op


def run(graph: Graph, target: str) -> Graph:
    """Fold every RESHAPE that can be folded, in order."""
    for op in graph.ops:
        if op.code == "RESHAPE":
            graph = _fold(graph, op)
    return graph


def _fold(graph: Graph, op: Op) -> Graph:
    source, result = graph.storage(op.inputs[0]), graph.storage(op.outputs[0])
    pinned = set(graph.inputs) | set(graph.outputs)
    a, b = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if a.quant != b.quant or (source in pinned and result in pinned):
        return graph
    view, owner = (source, result) if result in pinned else (result, source)
    tensors = list(graph.tensors)
    tensors[view] = replace(tensors[view], storage=owner)
    ops = tuple(other for other in graph.ops if other is not op)
    return replace(graph, tensors=tuple(tensors), ops=ops)
