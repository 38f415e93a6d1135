"""LOGISTIC, 1 / (1 + exp(-x)), with output scale 1/256 and zero point -128, of int16 1/32768 and 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import is_wide, output, quant_of, refuse
from .lookup import check_either, spec
from .sigmoid import check_wide, evaluate_wide, lower_wide

_INTEGER_BITS = 4  # of the scaled input


@dataclass(frozen=True, slots=True)
class Logistic:
    """No attributes."""


def _parse(options: Table) -> Logistic:
    return Logistic()


def _check(graph: Graph, op: Op) -> None:
    check_scales(graph, op, 256, -128)


def check_scales(graph: Graph, op: Op, steps: int, zero_point: int) -> None:
    """Check operands; of int8 the output has the scale 1 / steps and a zero point."""
    check_either(graph, op)
    if is_wide(graph, op):
        check_wide(graph, op)
        return
    quant = quant_of(output(graph, op))
    if (quant.scale, quant.zero_point) != (1 / steps, zero_point):
        found = f"output scale {quant.scale:g}, zero point {quant.zero_point}"
        raise refuse(graph, op, found, f"only 1/{steps} and {zero_point} are supported")
    fixed_point(graph, op)


def fixed_point(graph: Graph, op: Op) -> tuple[int, int]:
    """Multiplier and shift that bring the input to Q4; refuses scales for which TFLite's arithmetic is not defined."""
    scale = quant_of(graph.tensor(op.inputs[0])).scale
    multiplier, shift = q.quantize_multiplier(scale * (1 << (31 - _INTEGER_BITS)))
    if not 0 <= shift <= 30:
        raise refuse(graph, op, f"input scale {scale:g}", "supported are 2^-27 to 8")
    return multiplier, shift


def saturating(graph: Graph, op: Op, x: Array) -> tuple[Array, Array]:
    """The input in Q4; and where it is too far from the zero point for that: -1 below, 1 above, 0 elsewhere."""
    multiplier, shift = fixed_point(graph, op)
    centred = x - quant_of(graph.tensor(op.inputs[0])).zero_point
    outside = np.where(np.abs(centred) >= q.input_radius(_INTEGER_BITS, shift), np.sign(centred), 0)
    outside = np.where((outside == 0) & (q.input_radius(_INTEGER_BITS, shift) == 0), -1, outside)
    return q.multiply_by_quantized_multiplier(np.where(outside == 0, centred, 0), multiplier, shift), outside


def _function(graph: Graph, op: Op, x: Array) -> Array:
    if is_wide(graph, op):
        return evaluate_wide(graph, op, x)
    scaled, outside = saturating(graph, op, x)
    inside = q.saturate(q.rounding_divide_by_pot(q.logistic(scaled), 31 - 8) - 128)
    return np.select([outside < 0, outside > 0], [q.INT8_MIN, q.INT8_MAX], inside)


SPEC = spec("LOGISTIC", _parse, _check, _function, lower_wide)
