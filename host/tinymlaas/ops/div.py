"""DIV: the quotient of two operands, through the divisor's reciprocal in fixed point. What is divided by zero goes to the limits."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import multiplier, output, quant_of, refuse

_MAX_SHIFT = 22  # by which numerator and divisor are shifted left together, at least


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op)
    multiplier(graph, op, _real(graph, op), "ratio of scales", _MAX_SHIFT)
    divisor = graph.tensor(op.inputs[1])
    if divisor.data is not None and (divisor.data == quant_of(divisor).zero_point).any():
        raise refuse(graph, op, f"divisor '{divisor.name}' is a constant with zeros", "divide by something else")


def _real(graph: Graph, op: Op) -> float:
    a, b, out = binary.scales(graph, op)
    return a / (b * out)


def _function(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    x, divisor = np.broadcast_arrays(binary.centred(graph, op, 0, a), binary.centred(graph, op, 1, b))
    infinite = np.sign(x) * ((1 << 15) - 1) - (x < 0)
    quotient = _quotient(x * np.where(divisor < 0, -1, 1), np.maximum(np.abs(divisor), 1), *_scale(graph, op))
    shifted = np.where(divisor == 0, infinite, quotient) + quant_of(output(graph, op)).zero_point
    clamped: Array = np.clip(shifted, *binary.limits(graph, op)).astype(np.int8)
    return clamped


def _scale(graph: Graph, op: Op) -> tuple[int, int]:
    return q.quantize_multiplier(_real(graph, op))


def _quotient(x: Array, divisor: Array, multiplier: int, shift: int) -> Array:
    """x / divisor * scale for divisors above zero, as ``DivElementwise``; with less than 2^-32 in the last shift it is 0."""
    zeros = 32 - _bits(divisor)
    inverse = q.one_over_one_plus_x(q.wrap32((divisor << zeros) - (1 << 31)))
    headroom = np.where(x < 0, 32 - _bits(-2 * x - 1), 31 - _bits(x))
    unscaled = q.saturating_rounding_doubling_high_mul(x << headroom, inverse)
    exponent = 31 - zeros + headroom - shift
    scaled = q.saturating_rounding_doubling_high_mul(unscaled, multiplier)
    return np.where(exponent > 31, 0, q.rounding_divide_by_pot(scaled, np.minimum(exponent, 31)))


def _bits(x: Array) -> Array:
    """Length in binary; 0 for what is below 1."""
    return np.where(x > 0, np.frexp(np.maximum(x, 1).astype(np.float64))[1], 0).astype(np.int64)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    m, s = _scale(graph, op)
    return {"out_multiplier": m, "out_shift": s}


SPEC = binary.spec("DIV", binary.parse_fused, _check, _function, _numbers)
