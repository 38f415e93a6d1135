"""TANH with output scale 1/128 and zero point 0, of int16 1/32768."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import is_wide
from .logistic import check_scales, saturating
from .lookup import spec
from .sigmoid import evaluate_wide, lower_wide


@dataclass(frozen=True, slots=True)
class Tanh:
    """No attributes."""


def _parse(options: Table) -> Tanh:
    return Tanh()


def _check(graph: Graph, op: Op) -> None:
    check_scales(graph, op, 128, 0)


def _function(graph: Graph, op: Op, x: Array) -> Array:
    if is_wide(graph, op):
        return evaluate_wide(graph, op, x)
    scaled, outside = saturating(graph, op, x)
    inside = q.saturate(q.rounding_divide_by_pot(q.tanh(scaled), 31 - 7))
    return np.select([outside < 0, outside > 0], [q.INT8_MIN, q.INT8_MAX], inside)


SPEC = spec("TANH", _parse, _check, _function, lower_wide)
