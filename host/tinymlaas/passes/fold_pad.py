"""PAD with the zero point before a convolution without padding: the convolution pads by itself."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op
from ..ops.window import EXPLICIT

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def run(graph: Graph, target: str) -> Graph:
    """Fold every PAD that only such convolutions read."""
    for op in graph.ops:
        if op.code == "PAD":
            graph = _fold(graph, op)
    return graph


def _fold(graph: Graph, pad: Op) -> Graph:
    source, result = (graph.tensor(t) for t in (pad.inputs[0], pad.outputs[0]))
    around = graph.tensor(pad.inputs[1]).data
    readers = graph.consumers(pad.outputs[0])
    if around is None or source.quant != result.quant or len(source.shape) != 4 or pad.outputs[0] in graph.pinned:
        return graph
    rows: list[tuple[int, int]] = [(int(a), int(b)) for a, b in around.tolist()]
    outside = rows[0] != (0, 0) or rows[3] != (0, 0)
    if outside or not readers or not all(_takes(graph, op, pad, rows) for op in readers):
        return graph
    joined = {op: replace(op, attrs=_padded(op, rows), inputs=(pad.inputs[0], *op.inputs[1:])) for op in readers}
    return graph.with_ops(joined.get(op, op) for op in graph.ops if op is not pad)


def _takes(graph: Graph, op: Op, pad: Op, rows: list[tuple[int, int]]) -> bool:
    """Whether no window of a convolution would lie in the padding alone, which the kernels do not do."""
    if op.code not in _CONVOLUTIONS or op.inputs[0] != pad.outputs[0] or op.attrs.padding != "VALID":
        return False
    _, filter_h, filter_w, _ = graph.tensor(op.inputs[1]).shape
    reach = ((filter_h - 1) * op.attrs.dilation_h, (filter_w - 1) * op.attrs.dilation_w)
    return all(max(rows[1 + axis]) <= reach[axis] for axis in range(2))


def _padded(op: Op, rows: list[tuple[int, int]]) -> object:
    return replace(op.attrs, padding=EXPLICIT, around=(rows[1], rows[2]))
