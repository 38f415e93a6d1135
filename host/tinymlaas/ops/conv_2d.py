"""CONV_2D: weights [out_c, filter_h, filter_w, in_c], per-channel or per-tensor scales."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import conv_int16, scratch, weighted
from .base import OpSpec
from .checks import activation_limits, inconsistent, is_wide, present, quant_of, refuse, values
from .convolution import Convolution, parse
from .window import Window, check_window, window_of


def _parse(options: Table) -> Convolution:
    return parse(options, schema.Conv2DOptions)


def _check(graph: Graph, op: Op) -> None:
    weights = weighted.check_operands(graph, op, axis=0)
    weighted.check_symmetric(graph, op, weights)
    if len(weights.shape) != 4:
        raise inconsistent(graph, op, f"weights of shape {list(weights.shape)}")
    out_c, filter_h, filter_w, in_c = weights.shape
    check_window(graph, op, op.attrs, filter_h, filter_w, out_c)
    channels = graph.tensor(op.inputs[0]).shape[3]
    groups, rest = divmod(channels, in_c)
    if rest or (groups > 1 and not is_wide(graph, op)) or out_c % groups:
        raise refuse(
            graph,
            op,
            f"filters see {in_c} of {channels} input channels",
            "supported are up to 64 groups of as many channels and filters each",
        )
    weighted.check_bias(graph, op, out_c, ("int32", "int64"))
    weighted.check_multipliers(graph, op, weighted.per_channel_reals(graph, op, out_c))
    activation_limits(graph, op, op.attrs.activation)


def _window(graph: Graph, op: Op) -> Window:
    _, filter_h, filter_w, _ = graph.tensor(op.inputs[weighted.WEIGHTS]).shape
    return window_of(graph, op, op.attrs, filter_h, filter_w)


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    image, weights = present(inputs[0]), present(inputs[weighted.WEIGHTS])
    w = _window(graph, op)
    zero_point = quant_of(graph.tensor(op.inputs[0])).zero_point
    centred = image.astype(np.int16) - zero_point
    groups = w.in_c // weights.shape[3]
    taps = np.stack([np.split(tap.reshape(w.out_h * w.out_w, -1), groups, axis=1) for _, _, tap in w.taps(centred, 0)])
    filters = np.split(weights.reshape(w.out_c, -1), groups)
    sums = [weighted.exact_matmul(np.hstack([*taps[:, group]]), filters[group].T) for group in range(groups)]
    acc = np.hstack(sums) + weighted.bias_of(graph, op, w.out_c)
    limits = activation_limits(graph, op, op.attrs.activation)
    return [weighted.results(graph, op, acc, weighted.per_channel_reals(graph, op, w.out_c), limits)]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    w = _window(graph, op)
    weights = values(graph.tensor(op.inputs[weighted.WEIGHTS])).reshape(w.out_c, -1)
    reals = weighted.per_channel_reals(graph, op, w.out_c)
    limits = activation_limits(graph, op, op.attrs.activation)
    if is_wide(graph, op):
        return conv_int16.lower(graph, op, w, weights, limits, reals, _macs(graph, op))
    return Step(
        "CONV_2D",
        op,
        w.fields() | weighted.range_fields(graph, op, limits),
        {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])},
        {"weights": weights.tobytes(), "channels": weighted.channel_stream(graph, op, weights, reals)},
        scratch.conv_2d(w, target),
        _macs(graph, op),
    )


def _macs(graph: Graph, op: Op) -> int:
    w = _window(graph, op)
    return w.out_h * w.out_w * graph.tensor(op.inputs[weighted.WEIGHTS]).size


SPEC = OpSpec("CONV_2D", _parse, _check, _evaluate, _lower, _macs)
