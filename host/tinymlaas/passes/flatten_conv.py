"""A convolution whose one window is its whole input is a fully-connected layer, whose kernels do not need pixels to share their work."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op
from ..ops import weighted
from ..ops.checks import is_wide
from ..ops.fully_connected import FullyConnected
from ..ops.window import window_of


def run(graph: Graph, target: str) -> Graph:
    """Replace all of them: streaming models consist of them, and heads of classifiers. Layers of int16 have one kernel for both."""
    for op in graph.ops:
        if op.code == "CONV_2D" and not is_wide(graph, op) and _sees_everything_once(graph, op):
            graph = _flatten(graph, op)
    return graph


def _sees_everything_once(graph: Graph, op: Op) -> bool:
    _, filter_h, filter_w, _ = graph.tensor(op.inputs[weighted.WEIGHTS]).shape
    w = window_of(graph, op, op.attrs, filter_h, filter_w)
    if (w.out_h, w.out_w, w.pad_top, w.pad_left) != (1, 1, 0, 0) or (w.in_h, w.in_w) != (filter_h, filter_w):
        return False
    return (filter_h == 1 or w.dilation_h == 1) and (filter_w == 1 or w.dilation_w == 1)


def _flatten(graph: Graph, op: Op) -> Graph:
    weights = graph.tensor(op.inputs[weighted.WEIGHTS])
    assert weights.data is not None
    shape = (weights.shape[0], weights.size // weights.shape[0])
    flat = replace(weights, shape=shape, data=weights.data.reshape(shape))
    inputs = (op.inputs[0], len(graph.tensors), *op.inputs[weighted.WEIGHTS + 1 :])
    layer = replace(
        op, code="FULLY_CONNECTED", inputs=inputs, attrs=FullyConnected(op.attrs.activation, "DEFAULT", True)
    )
    return graph.replacing(op, [layer], (*graph.tensors, flat))
