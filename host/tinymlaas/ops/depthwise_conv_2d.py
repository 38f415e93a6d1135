"""DEPTHWISE_CONV_2D: weights [1, filter_h, filter_w, out_c]; output channel c reads input channel c // multiplier."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import conv_int16, scratch, weighted
from .base import OpSpec
from .checks import activation_limits, inconsistent, is_wide, present, quant_of, values
from .convolution import Convolution, parse
from .window import Window, check_window, window_of


def _parse(options: Table) -> Convolution:
    f = schema.DepthwiseConv2DOptions
    return parse(options, f, depth_multiplier=options.int32(f.DEPTH_MULTIPLIER))


def _check(graph: Graph, op: Op) -> None:
    weights = weighted.check_operands(graph, op, axis=3)
    weighted.check_symmetric(graph, op, weights)
    if len(weights.shape) != 4 or weights.shape[0] != 1:
        raise inconsistent(graph, op, f"weights of shape {list(weights.shape)}")
    _, filter_h, filter_w, out_c = weights.shape
    check_window(graph, op, op.attrs, filter_h, filter_w, out_c)
    in_c = graph.tensor(op.inputs[0]).shape[3]
    if out_c != in_c * op.attrs.depth_multiplier:
        raise inconsistent(
            graph, op, f"{in_c} input channels with multiplier {op.attrs.depth_multiplier} make {out_c} output channels"
        )
    weighted.check_bias(graph, op, out_c)
    weighted.check_multipliers(graph, op, weighted.per_channel_reals(graph, op, out_c))
    activation_limits(graph, op, op.attrs.activation)


def _window(graph: Graph, op: Op) -> Window:
    _, filter_h, filter_w, _ = graph.tensor(op.inputs[weighted.WEIGHTS]).shape
    return window_of(graph, op, op.attrs, filter_h, filter_w)


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    image, weights = present(inputs[0]), present(inputs[weighted.WEIGHTS])
    w = _window(graph, op)
    centred = image.astype(np.int64) - quant_of(graph.tensor(op.inputs[0])).zero_point
    acc = np.zeros((w.out_h, w.out_w, w.out_c), np.int64) + weighted.bias_of(graph, op, w.out_c)
    for row, column, tap in w.taps(centred, 0):
        acc += np.repeat(tap, op.attrs.depth_multiplier, axis=2) * weights[0, row, column].astype(np.int64)
    limits = activation_limits(graph, op, op.attrs.activation)
    return [weighted.results(graph, op, acc, weighted.per_channel_reals(graph, op, w.out_c), limits)]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    w = _window(graph, op)
    by_tap = values(graph.tensor(op.inputs[weighted.WEIGHTS])).reshape(-1, w.out_c)
    reals = weighted.per_channel_reals(graph, op, w.out_c)
    limits = activation_limits(graph, op, op.attrs.activation)
    if is_wide(graph, op):
        return conv_int16.lower(graph, op, w, by_tap.T, limits, reals, _macs(graph, op))
    # With one input channel it is a convolution, whose kernels share what they gather among all output channels.
    operator, weights, scratch_bytes = (
        ("CONV_2D", by_tap.T, scratch.conv_2d(w, target))
        if w.in_c == 1
        else ("DEPTHWISE_CONV_2D", by_tap, scratch.depthwise_conv_2d(w, target))
    )
    return Step(
        operator,
        op,
        w.fields() | weighted.range_fields(graph, op, limits),
        {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])},
        {
            "weights": np.ascontiguousarray(weights).tobytes(),
            "channels": weighted.channel_stream(graph, op, by_tap.T, reals),
        },
        scratch_bytes,
        _macs(graph, op),
    )


def _macs(graph: Graph, op: Op) -> int:
    w = _window(graph, op)
    return w.out_h * w.out_w * graph.tensor(op.inputs[weighted.WEIGHTS]).size


SPEC = OpSpec("DEPTHWISE_CONV_2D", _parse, _check, _evaluate, _lower, _macs)
