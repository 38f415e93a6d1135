"""HARD_SWISH, x * relu6(x + 3) / 6, in 16-bit fixed point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..tflite.reader import Table
from .checks import output, quant_of, refuse
from .lookup import check_unary, spec

_MIN, _MAX = -(1 << 15), (1 << 15) - 1
_HIRES = 7  # bits by which the input is shifted left


@dataclass(frozen=True, slots=True)
class HardSwish:
    """No attributes."""


def _parse(options: Table) -> HardSwish:
    return HardSwish()


def _check(graph: Graph, op: Op) -> None:
    check_unary(graph, op)
    (_, exponent), (_, relu_exponent) = _multipliers(graph, op)
    if exponent > 0 or exponent < -15 or not -15 <= relu_exponent <= 16:
        a, b = (quant_of(t).scale for t in (graph.tensor(op.inputs[0]), output(graph, op)))
        raise refuse(graph, op, f"scales {a:g} and {b:g}", "the output's must be at least 1/128 of the input's")


def _multipliers(graph: Graph, op: Op) -> tuple[tuple[int, int], tuple[int, int]]:
    """Mantissa of 15 bits and exponent for the output, and for what clamps, in float64 as ``HardSwishPrepare``."""
    scale = quant_of(graph.tensor(op.inputs[0])).scale / (1 << _HIRES)
    return _multiplier(scale / quant_of(output(graph, op)).scale), _multiplier(scale / (3 / 32768))


def _multiplier(real: float) -> tuple[int, int]:
    mantissa, exponent = q.quantize_multiplier(real)
    return (_MAX if mantissa >= (1 << 31) - 1 - (1 << 15) else (mantissa + (1 << 15)) >> 16), exponent


def _high_mul(a: Array, b: Array | int) -> Array:
    """(a * b) / 2^15 rounded to nearest; gemmlowp's SRDHM of 16 bits."""
    product = a * b
    total = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.minimum(_towards_zero(total), _MAX)


def _towards_zero(x: Array) -> Array:
    """x / 2^15 as C divides."""
    return np.where(x >= 0, x >> 15, -((-x) >> 15))


def _clamping(x: Array, multiplier: int, exponent: int) -> Array:
    """relu6(x + 3) / 6 in Q15."""
    if exponent > 0:
        x = np.clip(x << (exponent - 1), _MIN, _MAX)
    x = _high_mul(x, multiplier)
    x = np.clip(x << 1, _MIN, _MAX) if exponent > 0 else q.rounding_divide_by_pot(x, -exponent)
    return (x + (1 << 15)) >> 1


def _function(graph: Graph, op: Op, x: Array) -> Array:
    (multiplier, exponent), clamp = _multipliers(graph, op)
    hires = (x - quant_of(graph.tensor(op.inputs[0])).zero_point) << _HIRES
    product = _clamping(hires, *clamp) * _high_mul(hires, multiplier)
    scaled = q.rounding_divide_by_pot(np.minimum(_towards_zero(product), _MAX), -exponent)
    return q.saturate(scaled + quant_of(output(graph, op)).zero_point)


SPEC = spec("HARD_SWISH", _parse, _check, _function)
