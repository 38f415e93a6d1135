"""TANH with output scale 1/128 and zero point 0, of int16 1/32768."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import output, quant_of, refuse
from .logistic import fixed_point, saturating
from .lookup import check_either, spec
from .sigmoid import check_wide, evaluate_wide, lower_wide


@dataclass(frozen=True, slots=True)
class Tanh:
    """No attributes."""


def _parse(options: Table) -> Tanh:
    return Tanh()


def _check(graph: Graph, op: Op) -> None:
    check_either(graph, op)
    if output(graph, op).dtype == "int16":
        check_wide(graph, op)
    else:
        _check_narrow(graph, op)


def _check_narrow(graph: Graph, op: Op) -> None:
    quant = quant_of(output(graph, op))
    if (quant.scale, quant.zero_point) != (1 / 128, 0):
        found = f"output scale {quant.scale:g}, zero point {quant.zero_point}"
        raise refuse(graph, op, found, "only 1/128 and 0 are supported")
    fixed_point(graph, op)


def _function(graph: Graph, op: Op, x: Array) -> Array:
    if output(graph, op).dtype == "int16":
        return evaluate_wide(graph, op, x)
    scaled, outside = saturating(graph, op, x)
    inside = q.saturate(q.rounding_divide_by_pot(q.tanh(scaled), 31 - 7))
    return np.select([outside < 0, outside > 0], [q.INT8_MIN, q.INT8_MAX], inside)


SPEC = spec("TANH", _parse, _check, _function, lower_wide)
