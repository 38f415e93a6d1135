"""ELU: x, or exp(x) - 1 below zero, in float32 as TFLite fills its table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import output, quant_of
from .lookup import check_unary, spec


@dataclass(frozen=True, slots=True)
class Elu:
    """No attributes."""


def _parse(options: Table) -> Elu:
    return Elu()


def _function(graph: Graph, op: Op, x: Array) -> Array:
    a, b = (quant_of(t) for t in (graph.tensor(op.inputs[0]), output(graph, op)))
    real = np.float32(a.scale) * (x - a.zero_point).astype(np.float32)
    below = np.array([math.exp(min(r, 0.0)) for r in real.tolist()]).astype(np.float32) - np.float32(1)
    scaled = (np.where(real < 0, below, real) * (np.float32(1) / np.float32(b.scale))).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    return q.saturate(rounded + b.zero_point).astype(np.int64)


SPEC = spec("ELU", _parse, check_unary, _function)
