"""What AVERAGE_POOL_2D and MAX_POOL_2D share: attributes, checks and lowering."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from .binary import wide_range
from .checks import (
    activation_input,
    activation_limits,
    activation_output,
    inconsistent,
    is_wide,
    operand_count,
    quant_of,
    refuse,
)
from .weighted import range_fields
from .window import Window, check_window, window_of

_MAX_SCALE_DIFFERENCE = 1e-6  # TFLite's, in PoolingPrepare
_MOST_TAPS = {"int8": 1 << 16, "int16": 1 << 15}  # TML_MAX_POOL_TAPS of the loader


@dataclass(frozen=True, slots=True)
class Pool2D:
    """Attributes."""

    padding: str
    stride_h: int
    stride_w: int
    filter_h: int
    filter_w: int
    activation: str
    dilation_h: int = 1
    dilation_w: int = 1


def parse(options: Table) -> Pool2D:
    """Attributes from ``Pool2DOptions``."""
    f = schema.Pool2DOptions
    return Pool2D(
        schema.name_of(schema.PADDINGS, options.int8(f.PADDING)),
        options.int32(f.STRIDE_H),
        options.int32(f.STRIDE_W),
        options.int32(f.FILTER_H),
        options.int32(f.FILTER_W),
        schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION)),
    )


def check(graph: Graph, op: Op) -> None:
    """Check operands and geometry; a pool does not rescale, so both sides need the same quantisation."""
    operand_count(graph, op, 1, 1)
    image = activation_input(graph, op)
    result = activation_output(graph, op, image.dtype)
    check_window(graph, op, op.attrs, op.attrs.filter_h, op.attrs.filter_w, (0, *image.shape)[-1])
    taps = op.attrs.filter_h * op.attrs.filter_w
    if taps > _MOST_TAPS[image.dtype]:
        raise refuse(graph, op, f"a window of {taps} elements", f"supported are up to {_MOST_TAPS[image.dtype]}")
    a, b = quant_of(image), quant_of(result)
    if a.zero_point != b.zero_point or abs(a.scale - b.scale) > _MAX_SCALE_DIFFERENCE:
        raise inconsistent(
            graph,
            op,
            f"input has {a.scale:g}/{a.zero_point} as scale and zero point, output {b.scale:g}/{b.zero_point}",
        )
    activation_limits(graph, op, op.attrs.activation)


def window(graph: Graph, op: Op) -> Window:
    """Geometry of a checked pool."""
    return window_of(graph, op, op.attrs, op.attrs.filter_h, op.attrs.filter_w)


def lower(graph: Graph, op: Op, target: str) -> Step:
    """The step of either pool."""
    limits = activation_limits(graph, op, op.attrs.activation)
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    fields = window(graph, op).fields()
    if not is_wide(graph, op):
        return Step(op.code, op, fields | range_fields(graph, op, limits), operands)
    fields |= wide_range(limits) | {"function": int(op.code == "AVERAGE_POOL_2D")}
    return Step("POOL_INT16", op, fields, operands)


def macs(graph: Graph, op: Op) -> int:
    """None: pools do not multiply."""
    return 0
