"""SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND: how TensorFlow writes a dilated convolution. It becomes one."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Array, Graph, Op
from ..ops import OPS
from ..ops.window import EXPLICIT

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def run(graph: Graph, target: str) -> Graph:
    """Fold every such group of three."""
    for op in graph.ops:
        if op.code == "SPACE_TO_BATCH_ND":
            graph = _fold(graph, op)
    return graph


def _next(graph: Graph, op: Op, codes: tuple[str, ...]) -> Op | None:
    """The only reader of an operator's output, if it is of these."""
    readers = graph.consumers(op.outputs[0])
    fits = len(readers) == 1 and readers[0].code in codes and op.outputs[0] not in graph.pinned
    return readers[0] if fits and readers[0].inputs[0] == op.outputs[0] else None


def _fold(graph: Graph, first: Op) -> Graph:
    conv = _next(graph, first, _CONVOLUTIONS)
    last = _next(graph, conv, ("BATCH_TO_SPACE_ND",)) if conv else None
    if conv is None or last is None:
        return graph
    if len(conv.inputs) < 2 or len(graph.tensor(conv.inputs[1]).shape) != 4:
        return graph  # its check will say so
    OPS[first.code].check(graph, first)
    OPS[last.code].check(graph, last)
    parameters = [graph.tensor(t).data for t in (*first.inputs[1:], *last.inputs[1:])]
    if any(p is None for p in parameters):
        return graph
    attrs = _attributes(graph, conv, parameters)
    same_quant = graph.tensor(first.inputs[0]).quant == graph.tensor(first.outputs[0]).quant
    same_quant &= graph.tensor(last.inputs[0]).quant == graph.tensor(last.outputs[0]).quant
    if attrs is None or not same_quant:
        return graph
    dilated = replace(conv, attrs=attrs, inputs=(first.inputs[0], *conv.inputs[1:]), outputs=last.outputs)
    return graph.with_ops(dilated if op is last else op for op in graph.ops if op is not first and op is not conv)


def _attributes(graph: Graph, conv: Op, parameters: list[Array | None]) -> object | None:
    """Those of the dilated convolution; None where there is none."""
    block, paddings, back, crops = (p.tolist() for p in parameters if p is not None)
    if len(block) == 1:  # along the width of a row, in TensorFlow's one-dimensional convolutions the height
        return None
    a = conv.attrs
    plain = (a.stride_h, a.stride_w, a.dilation_h, a.dilation_w) == (1, 1, 1, 1) and a.padding in ("VALID", "SAME")
    if block != back or len(block) != 2 or not plain:
        return None
    weights = graph.tensor(conv.inputs[1]).shape
    around = []
    for axis in range(2):
        reach = weights[1 + axis] - 1 if a.padding == "SAME" else 0
        before = paddings[axis][0] + block[axis] * (reach // 2) - crops[axis][0]
        after = paddings[axis][1] + block[axis] * (reach - reach // 2) - crops[axis][1]
        if not 0 <= before <= (weights[1 + axis] - 1) * block[axis] or after < 0:
            return None
        around.append((before, after))
    dilated: object = replace(a, padding=EXPLICIT, dilation_h=block[0], dilation_w=block[1], around=tuple(around))
    return dilated
