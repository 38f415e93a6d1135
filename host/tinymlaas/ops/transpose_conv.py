"""TRANSPOSE_CONV: every pixel of the input adds its filters to the output, ``stride`` apart. A pass makes a CONV_2D and a MOVE of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..tflite import schema
from ..tflite.reader import Table
from . import weighted
from .base import OpSpec
from .checks import field_limits, inconsistent, operand_count, output, present, quant_of, refuse, values

IMAGE, WEIGHTS = 2, 1  # positions of the inputs; at 0 is the output's shape, at 3 the bias
_U8 = (1 << 8) - 1
_MOST_WEIGHTS = 1 << 24  # of the convolution that it becomes


@dataclass(frozen=True, slots=True)
class TransposeConv:
    """Attributes."""

    padding: str
    stride_h: int
    stride_w: int
    activation: str


def _parse(options: Table) -> TransposeConv:
    f = schema.TransposeConvOptions
    return TransposeConv(
        schema.name_of(schema.PADDINGS, options.int8(f.PADDING)),
        options.int32(f.STRIDE_H),
        options.int32(f.STRIDE_W),
        schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION)),
    )


def as_convolution(op: Op) -> Op:
    """The same with operands in the order of CONV_2D: image, weights, bias."""
    return replace(op, inputs=(op.inputs[IMAGE], op.inputs[WEIGHTS], *op.inputs[3:]))


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 3, 4)
    conv = as_convolution(op)
    weights = weighted.check_operands(graph, conv, axis=0)
    weighted.check_symmetric(graph, conv, weights)
    image, result = graph.tensor(op.inputs[IMAGE]).shape, output(graph, op).shape
    fits = len(image) == len(result) == len(weights.shape) == 4 and image[0] == result[0] == 1
    if not fits or weights.shape[3] != image[3] or weights.shape[0] != result[3]:
        shapes = f"{list(image)} by {list(weights.shape)} to {list(result)}"
        raise inconsistent(graph, op, f"shapes {shapes}, or a batch that is not 1")
    a = op.attrs
    field_limits(graph, op, {"stride_h": a.stride_h, "stride_w": a.stride_w}, _U8)
    if a.activation != "NONE" or a.padding not in ("SAME", "VALID"):
        raise refuse(graph, op, f"activation {a.activation}, padding {a.padding}", "give activations their own layer")
    for axis, stride in enumerate((a.stride_h, a.stride_w)):
        whole = (image[1 + axis] - 1) * stride + weights.shape[1 + axis]
        if before(op, axis, weights.shape[1 + axis], result[1 + axis]) + result[1 + axis] > whole:
            raise refuse(graph, op, f"output of {list(result)}", f"the filters reach {whole} rows or columns")
    _check_phases(graph, op, weights)
    weighted.check_bias(graph, conv, result[3], ("int16", "int64"))
    weighted.check_multipliers(graph, conv, weighted.per_channel_reals(graph, conv, result[3]))


def _check_phases(graph: Graph, op: Op, weights: Tensor) -> None:
    """Strides wider than the filter fill the convolution's filters up with zeros."""
    out_c, height, width, in_c = weights.shape
    a = op.attrs
    elements = out_c * in_c * -(-height // a.stride_h) * a.stride_h * -(-width // a.stride_w) * a.stride_w
    if elements > _MOST_WEIGHTS:
        reason = f"strides {a.stride_h} x {a.stride_w} make {elements} weights of {weights.size}"
        raise refuse(graph, op, reason, f"supported are {_MOST_WEIGHTS}; scale up in several layers")


def before(op: Op, axis: int, filter_size: int, out: int) -> int:
    """Rows (axis 0) or columns of the whole result that come before the output's first."""
    stride = (op.attrs.stride_h, op.attrs.stride_w)[axis]
    steps = -(-out // stride)
    return max(0, (steps - 1) * stride + filter_size - out) // 2 if op.attrs.padding == "SAME" else 0


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    conv, image, weights = as_convolution(op), present(inputs[IMAGE])[0], values(graph.tensor(op.inputs[WEIGHTS]))
    (out_c, filter_h, filter_w, _), (_, out_h, out_w, _) = weights.shape, output(graph, op).shape
    a, (in_h, in_w, _) = op.attrs, image.shape
    centred = image.astype(np.int64) - quant_of(graph.tensor(op.inputs[IMAGE])).zero_point
    whole = np.zeros(((in_h - 1) * a.stride_h + filter_h, (in_w - 1) * a.stride_w + filter_w, out_c), np.int64)
    for y in range(filter_h):
        for x in range(filter_w):
            rows, columns = (
                slice(y, y + (in_h - 1) * a.stride_h + 1, a.stride_h),
                slice(x, x + (in_w - 1) * a.stride_w + 1, a.stride_w),
            )
            whole[rows, columns] += weighted.exact_matmul(centred.reshape(in_h * in_w, -1), weights[:, y, x].T).reshape(
                in_h, in_w, -1
            )
    top, left = before(op, 0, filter_h, out_h), before(op, 1, filter_w, out_w)
    acc = whole[top : top + out_h, left : left + out_w] + weighted.bias_of(graph, conv, out_c)
    reals, limits = weighted.per_channel_reals(graph, conv, out_c), q.LIMITS[output(graph, op).dtype]
    return [weighted.results(graph, conv, acc, reals, limits)]


def _lower(graph: Graph, op: Op, target: str) -> NoReturn:
    raise AssertionError("a pass has made a convolution of it")


def _macs(graph: Graph, op: Op) -> int:
    return (
        graph.tensor(op.inputs[IMAGE]).size
        * graph.tensor(op.inputs[WEIGHTS]).size
        // graph.tensor(op.inputs[IMAGE]).shape[3]
    )


SPEC = OpSpec("TRANSPOSE_CONV", _parse, _check, _evaluate, _lower, _macs)
