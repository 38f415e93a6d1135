"""RELU, RELU6, RELU_N1_TO_1 after a layer that can clamp: the layer does it, when both have the same quantisation."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op
from ..quant import ACTIVATIONS

_CANNOT = ("CONCATENATION", "TRANSPOSE_CONV")  # have the attribute, and are lowered to what moves elements


def run(graph: Graph, target: str) -> Graph:
    """Fuse every activation whose input nobody else needs."""
    for op in graph.ops:
        if op.code in ACTIVATIONS:
            graph = _fuse(graph, op)
    return graph


def _fuse(graph: Graph, relu: Op) -> Graph:
    source, result = relu.inputs[0], relu.outputs[0]
    producer = graph.producer(source)
    if producer is None or producer.code in _CANNOT or getattr(producer.attrs, "activation", "") != "NONE":
        return graph
    needed_elsewhere = source in graph.pinned or len(graph.consumers(source)) > 1
    if needed_elsewhere or graph.tensor(source).quant != graph.tensor(result).quant:
        return graph
    fused = replace(producer, attrs=replace(producer.attrs, activation=relu.code), outputs=(result,))
    return graph.with_ops(fused if op is producer else op for op in graph.ops if op is not relu)
