"""ABS: distance to zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import multiplier, output, quant_of
from .lookup import check_unary, spec


@dataclass(frozen=True, slots=True)
class Abs:
    """No attributes."""


def _parse(options: Table) -> Abs:
    return Abs()


def _check(graph: Graph, op: Op) -> None:
    check_unary(graph, op)
    multiplier(graph, op, _real(graph, op), "ratio of scales")


def _real(graph: Graph, op: Op) -> float:
    return quant_of(graph.tensor(op.inputs[0])).scale / quant_of(output(graph, op)).scale


def _function(graph: Graph, op: Op, x: Array) -> Array:
    distance = np.abs(x - quant_of(graph.tensor(op.inputs[0])).zero_point)
    return q.requantize(
        distance,
        *q.quantize_multiplier(_real(graph, op)),
        quant_of(output(graph, op)).zero_point,
        (q.INT8_MIN, q.INT8_MAX),
    )


SPEC = spec("ABS", _parse, _check, _function)
