"""ABS: distance to zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite.reader import Table
from . import binary
from .checks import multiplier, output, quant_of
from .lookup import check_either, spec


@dataclass(frozen=True, slots=True)
class Abs:
    """No attributes."""


def _parse(options: Table) -> Abs:
    return Abs()


def _check(graph: Graph, op: Op) -> None:
    check_either(graph, op)
    multiplier(graph, op, _real(graph, op), "ratio of scales")


def _real(graph: Graph, op: Op) -> float:
    return quant_of(graph.tensor(op.inputs[0])).scale / quant_of(output(graph, op)).scale


def _function(graph: Graph, op: Op, x: Array) -> Array:
    distance = np.abs(x - quant_of(graph.tensor(op.inputs[0])).zero_point)
    return binary.requantised(graph, op, distance, q.quantize_multiplier(_real(graph, op)))


def _wide(graph: Graph, op: Op) -> Step:
    scale = q.quantize_multiplier(_real(graph, op))
    return binary.sloped(graph, op, scale, scale, -1, q.LIMITS["int16"])


SPEC = spec("ABS", _parse, _check, _function, _wide)
