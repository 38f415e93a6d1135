"""QUANTIZE from float at a model's inputs and DEQUANTIZE at its outputs: the model takes and gives int8, with the scale beside it."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op


def run(graph: Graph, target: str) -> Graph:
    """Fold every input that is only quantised, and every output that is only converted to float."""
    for index in graph.inputs:
        if graph.tensor(index).dtype == "float32":
            graph = _fold_input(graph, index)
    for op in graph.ops:
        if op.code == "DEQUANTIZE" and op.outputs[0] in graph.outputs:
            graph = _fold_output(graph, op)
    return graph


def _fold_input(graph: Graph, index: int) -> Graph:
    """The quantised tensor becomes the input, under the name of the float one."""
    readers = graph.consumers(index)
    kinds = {(t.quant, t.dtype, t.shape) for t in (graph.tensor(op.outputs[0]) for op in readers)}
    if not readers or any(op.code != "QUANTIZE" for op in readers) or len(kinds) > 1 or index in graph.outputs:
        return graph
    if any(shape != graph.tensor(index).shape for _, _, shape in kinds):
        return graph
    made = graph.tensor(readers[0].outputs[0])
    tensors = list(graph.tensors)
    tensors[index] = replace(made, name=graph.tensor(index).name)
    graph = replace(graph, tensors=tuple(tensors)).with_ops(op for op in graph.ops if op not in readers)
    return _renamed(graph, {op.outputs[0]: index for op in readers})


def _fold_output(graph: Graph, op: Op) -> Graph:
    """What is converted becomes the output, under the name of the float one; inputs of the model keep theirs."""
    source, result = op.inputs[0], op.outputs[0]
    if graph.consumers(result) or graph.tensor(source).data is not None or graph.tensor(source).quant is None:
        return graph
    if graph.tensor(source).shape != graph.tensor(result).shape:
        return graph
    tensors = list(graph.tensors)
    if source not in graph.inputs:
        tensors[source] = replace(graph.tensor(source), name=graph.tensor(result).name)
    outputs = tuple(source if t == result else t for t in graph.outputs)
    return replace(graph, tensors=tuple(tensors), outputs=outputs).with_ops(x for x in graph.ops if x is not op)


def _renamed(graph: Graph, names: dict[int, int]) -> Graph:
    ops = (replace(op, inputs=tuple(names.get(t, t) for t in op.inputs)) for op in graph.ops)
    outputs = tuple(names.get(t, t) for t in graph.outputs)
    return replace(graph, outputs=outputs).with_ops(ops)
