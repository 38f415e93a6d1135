"""LEAKY_RELU: x, or alpha * x below zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import binary
from .checks import multiplier, output, quant_of, refuse
from .lookup import check_either, spec


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """Attributes."""

    alpha: float


def _parse(options: Table) -> LeakyRelu:
    return LeakyRelu(options.float32(schema.LeakyReluOptions.ALPHA))


def _check(graph: Graph, op: Op) -> None:
    check_either(graph, op)
    if not 0 <= op.attrs.alpha < 1e6:
        raise refuse(graph, op, f"alpha is {op.attrs.alpha:g}", "supported are numbers from 0")
    for real in _reals(graph, op):
        multiplier(graph, op, real, "ratio of scales")


def _reals(graph: Graph, op: Op) -> tuple[float, float]:
    """Multipliers above and below zero, in float64 as ``CalculateOpDataLeakyRelu``."""
    a, b = (quant_of(t).scale for t in (graph.tensor(op.inputs[0]), output(graph, op)))
    return a / b, a * op.attrs.alpha / b


def _function(graph: Graph, op: Op, x: Array) -> Array:
    above, below = (q.quantize_multiplier(r) for r in _reals(graph, op))
    centred = x - quant_of(graph.tensor(op.inputs[0])).zero_point
    sides = (q.multiply_by_quantized_multiplier(centred, *m) for m in (above, below))
    scaled = np.where(centred >= 0, *sides)
    return q.saturate(scaled + quant_of(output(graph, op)).zero_point, *q.LIMITS[output(graph, op).dtype])


def _wide(graph: Graph, op: Op) -> Step:
    above, below = (q.quantize_multiplier(r) for r in _reals(graph, op))
    return binary.sloped(graph, op, above, below, 1, q.LIMITS["int16"])


SPEC = spec("LEAKY_RELU", _parse, _check, _function, _wide)
