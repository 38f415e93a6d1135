"""RELU, RELU6 and RELU_N1_TO_1 as layers. A pass fuses them where it can; what is left clamps: a 1x1 maximum pool.

RELU may rescale, as TFLite's does; then it is a table. Of int16 all are a line through zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite.reader import Table
from . import binary
from .base import OpSpec
from .checks import (
    activation_input,
    activation_limits,
    activation_output,
    is_wide,
    multiplier,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
)
from .lookup import all_bytes, lookup_step
from .weighted import range_fields
from .window import Window

_U16 = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class Relu:
    """No attributes: the operator's name says it all."""


def _parse(options: Table) -> Relu:
    return Relu()


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source = activation_input(graph, op)
    result = activation_output(graph, op, source.dtype)
    same_shape(graph, op, result.shape, source.shape, "output")
    a, b = quant_of(source), quant_of(result)
    if op.code == "RELU":
        multiplier(graph, op, a.scale / b.scale, "ratio of scales")
    elif _rescales(graph, op):
        scales = f"from scale {a.scale:g}, zero point {a.zero_point} to {b.scale:g}, {b.zero_point}"
        raise refuse(graph, op, f"rescales {scales}", "let the converter fuse it into the layer before it")
    activation_limits(graph, op, op.code)
    _image(graph, op)


def _rescales(graph: Graph, op: Op) -> bool:
    a, b = quant_of(graph.tensor(op.inputs[0])), quant_of(output(graph, op))
    return (a.scale, a.zero_point) != (b.scale, b.zero_point)


def _function(graph: Graph, op: Op, x: Array) -> Array:
    a, b = quant_of(graph.tensor(op.inputs[0])), quant_of(output(graph, op))
    scale, limits = q.quantize_multiplier(a.scale / b.scale), activation_limits(graph, op, op.code)
    return q.requantize(x - a.zero_point, *scale, b.zero_point, limits, output(graph, op).dtype)


def _image(graph: Graph, op: Op) -> tuple[int, int, int]:
    """Height, width and channels that hold as many elements as the tensor."""
    shape = output(graph, op).shape
    h, w, c = math.prod(shape[:-2]), math.prod(shape[-2:-1]), math.prod(shape[-1:])
    if max(h, w, c) > _U16:
        raise refuse(graph, op, f"shape {list(shape)}", f"supported are dimensions of up to {_U16}")
    return h, w, c


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    return [_function(graph, op, present(inputs[0]).astype(np.int64))]


def _wide(graph: Graph, op: Op) -> Step:
    """Scaled on either side of zero; the limits cut off what is below."""
    a, b = quant_of(graph.tensor(op.inputs[0])), quant_of(output(graph, op))
    scale = q.quantize_multiplier(a.scale / b.scale)
    return binary.sloped(graph, op, scale, scale, 1, activation_limits(graph, op, op.code))


def _lower(graph: Graph, op: Op, target: str) -> Step:
    if is_wide(graph, op):
        return _wide(graph, op)
    if _rescales(graph, op):
        table = _function(graph, op, all_bytes("int8").astype(np.int64)).view(np.uint8)
        return lookup_step(graph, op, op.inputs[0], table)
    h, w, c = _image(graph, op)
    fields = Window(h, w, c, h, w, c, 1, 1, 0, 0, 1, 1, 1, 1).fields()
    fields |= range_fields(graph, op, activation_limits(graph, op, op.code))
    return Step(
        "MAX_POOL_2D", op, fields, {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    )


SPECS = tuple(
    OpSpec(code, _parse, _check, _evaluate, _lower, lambda graph, op: 0) for code in q.ACTIVATIONS if code != "NONE"
)
