"""TRANSPOSE_CONV becomes a CONV_2D that computes all outputs between two pixels at once, as channels, and a MOVE that puts them in place.

An output at Y of the whole result sees the filter's rows p, p + stride, p + 2 stride ... with p = Y mod stride: for each p a convolution of
its own over the input, with every stride-th row of the filter, backwards. They are one convolution with stride^2 times the channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Array, Graph, Op, Quant, Tensor
from ..ops.convolution import Convolution
from ..ops.moved import Moved
from ..ops.transpose_conv import IMAGE, WEIGHTS, before
from ..ops.window import EXPLICIT


def run(graph: Graph, target: str) -> Graph:
    """Split all of them."""
    for op in graph.ops:
        if op.code == "TRANSPOSE_CONV":
            graph = _split(graph, op)
    return graph


def _split(graph: Graph, op: Op) -> Graph:
    weights, result = graph.tensor(op.inputs[WEIGHTS]), graph.tensor(op.outputs[0])
    strides = (op.attrs.stride_h, op.attrs.stride_w)
    taps = tuple(-(-size // s) for size, s in zip(weights.shape[1:3], strides, strict=True))
    starts = tuple(before(op, axis, weights.shape[1 + axis], result.shape[1 + axis]) for axis in range(2))
    first = tuple(start // s for start, s in zip(starts, strides, strict=True))
    last = tuple((size - 1 + start) // s for size, start, s in zip(result.shape[1:3], starts, strides, strict=True))
    counts = tuple(b - a + 1 for a, b in zip(first, last, strict=True))
    sizes = graph.tensor(op.inputs[IMAGE]).shape[1:3]
    around = tuple((t - 1 - a, b - n + 1) for t, a, b, n in zip(taps, first, last, sizes, strict=True))
    tensors = [*graph.tensors, _phases(weights, strides, taps)]
    inputs = [op.inputs[IMAGE], len(tensors) - 1]
    if len(op.inputs) > 3 and op.inputs[3] >= 0:
        tensors.append(_repeated(graph.tensor(op.inputs[3]), strides[0] * strides[1]))
        inputs.append(len(tensors) - 1)
    shape = (1, *counts, strides[0] * strides[1] * result.shape[3])
    tensors.append(replace(result, name=f"{result.name} before it is put in place", shape=shape))
    attrs = Convolution(EXPLICIT, 1, 1, 1, 1, "NONE", (around[0], around[1]))
    conv = Op("CONV_2D", op.name, op.index, tuple(inputs), (len(tensors) - 1,), attrs)
    places = _places(result.shape, counts, strides, starts, first)
    move = Op("MOVE", op.name, op.index, (len(tensors) - 1,), op.outputs, Moved(places))
    return graph.replacing(op, (conv, move), tensors)


def _phases(weights: Tensor, strides: tuple[int, ...], taps: tuple[int, ...]) -> Tensor:
    """[phase down][phase across][out_c] filters of the taps that each phase sees, in the order of the input."""
    assert weights.data is not None
    (out_c, height, width, in_c), (down, across) = weights.shape, strides
    padded = np.zeros((out_c, taps[0] * down, taps[1] * across, in_c), np.int8)
    padded[:, :height, :width] = weights.data
    split = padded.reshape(out_c, taps[0], down, taps[1], across, in_c)[:, ::-1, :, ::-1]
    data = split.transpose(2, 4, 0, 1, 3, 5).reshape(down * across * out_c, *taps, in_c)
    return replace(
        weights, shape=data.shape, data=np.ascontiguousarray(data), quant=_quant(weights.quant, down * across)
    )


def _quant(quant: Quant | None, times: int) -> Quant | None:
    many = quant is not None and quant.per_channel
    return (
        replace(quant, scales=quant.scales * times, zero_points=quant.zero_points * times) if quant and many else quant
    )


def _repeated(bias: Tensor, times: int) -> Tensor:
    """For each phase; one of int16 as CONV_2D takes it."""
    assert bias.data is not None
    dtype = "int64" if bias.dtype == "int16" else bias.dtype
    data = np.tile(bias.data.reshape(-1), times).astype(dtype)
    return replace(bias, shape=data.shape, data=data, dtype=dtype, quant=_quant(bias.quant, times))


def _places(
    shape: tuple[int, ...],
    counts: tuple[int, ...],
    strides: tuple[int, ...],
    starts: tuple[int, ...],
    first: tuple[int, ...],
) -> Array:
    """Which element of the convolution's output each element of the result is."""
    _, height, width, channels = shape
    y, x, c = np.ogrid[starts[0] : starts[0] + height, starts[1] : starts[1] + width, :channels]
    pixel = (y // strides[0] - first[0]) * counts[1] + x // strides[1] - first[1]
    phase = y % strides[0] * strides[1] + x % strides[1]
    found: Array = ((pixel * strides[0] * strides[1] + phase) * channels + c).reshape(-1)
    return found
