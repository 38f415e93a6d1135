"""SOFTMAX over the last dimension in fixed point: exp in Q5.26 → Q0.31, their sum in Q12.19, one reciprocal per row.

The output is int8, or int16 with its 65 536 steps from 0 to 1. From int16 to int16: softmax_int16.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import softmax_int16
from .base import OpSpec
from .checks import (
    activation_input,
    activation_output,
    inconsistent,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
)

_DIFF_BITS = 5  # integer bits of a scaled difference to the row's maximum
_SUM_BITS = 12  # integer bits of the sum of exponentials
_MAX_DEPTH = (1 << _SUM_BITS) - 1  # that many exp(0) still fit into the sum
_BITS = {"int8": 8, "int16": 16}  # of the output
_WIDE = 1  # flag of the record: int16
_NEAR = 1e-3  # how far the scale of an int16 output may be off; nothing is computed with it


@dataclass(frozen=True, slots=True)
class Softmax:
    """Attributes."""

    beta: float


def _parse(options: Table) -> Softmax:
    return Softmax(options.float32(schema.SoftmaxOptions.BETA))


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source, result = activation_input(graph, op), output(graph, op)
    same_shape(graph, op, result.shape, source.shape, "output")
    if source.dtype == "int16":
        activation_output(graph, op, source.dtype)
        softmax_int16.check(graph, op)
    else:
        _check_narrow(graph, op, source, result)


def _check_narrow(graph: Graph, op: Op, source: Tensor, result: Tensor) -> None:
    if not source.shape or source.shape[-1] > _MAX_DEPTH:
        raise refuse(graph, op, f"shape {list(source.shape)}", f"supported are rows of 1 to {_MAX_DEPTH}")
    _check_output(graph, op, result)
    if not math.isfinite(op.attrs.beta) or _real(graph, op) <= 1.0:
        raise inconsistent(graph, op, f"beta {op.attrs.beta:g} with input scale {quant_of(source).scale:g}")


def _check_output(graph: Graph, op: Op, result: Tensor) -> None:
    scale, zero_point = (result.quant.scale, result.quant.zero_point) if result.quant else (0.0, 0)
    whole = scale * 256 == 1 if result.dtype == "int8" else abs(scale * 65536 - 1) < _NEAR
    if result.dtype not in _BITS or not whole or zero_point != np.iinfo(result.dtype).min:
        found = f"output {result.dtype}, scale {scale:g}, zero point {zero_point}"
        raise refuse(graph, op, found, "supported are int8 with 1/256 and -128, int16 with 1/65536 and -32768")


def _real(graph: Graph, op: Op) -> float:
    """beta * scale in Q5.26, as ``PreprocessSoftmaxScaling``."""
    scale = quant_of(graph.tensor(op.inputs[0])).scale
    beta: float = op.attrs.beta
    return min(beta * scale * (1 << (31 - _DIFF_BITS)), (1 << 31) - 1.0)


def _diff_min(shift: int) -> int:
    """Lowest difference that can still be scaled without overflow."""
    return -q.input_radius(_DIFF_BITS, shift)


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    x = present(inputs[0])
    if x.dtype == np.int16:
        return [softmax_int16.evaluate(graph, op, x)]
    m, s = q.quantize_multiplier(_real(graph, op))
    rows = x.reshape(-1, x.shape[-1]).astype(np.int64)
    diff = rows - rows.max(axis=1, keepdims=True)
    counted = diff >= _diff_min(s)
    exps = q.exp_on_negative_values(q.multiply_by_quantized_multiplier(np.where(counted, diff, 0), m, s))
    sums = np.where(counted, q.rounding_divide_by_pot(exps, _SUM_BITS), 0).sum(axis=1, keepdims=True)
    result = output(graph, op)
    return [_normalise(exps, counted, sums, _BITS[result.dtype]).astype(result.dtype).reshape(result.shape)]


def _normalise(exps: Array, counted: Array, sums: Array, bits: int) -> Array:
    """exp / sum, times 2^bits, less half of that; ``sums``: Q12.19, [rows, 1], at least exp(0)."""
    leading_zeros = 32 - np.frexp(sums.astype(np.float64))[1].astype(np.int64)  # exact: sums < 2^31
    reciprocal = q.one_over_one_plus_x(q.wrap32((sums << leading_zeros) - (1 << 31)))
    exponent, low = _SUM_BITS - leading_zeros + 31 - bits, -(1 << bits - 1)
    scaled = q.rounding_divide_by_pot(q.saturating_rounding_doubling_high_mul(reciprocal, exps), exponent)
    return np.where(counted, np.clip(scaled + low, low, -low - 1), low)


def _lower(graph: Graph, op: Op, target: str) -> Step:
    if graph.tensor(op.inputs[0]).dtype == "int16":
        return softmax_int16.lower(graph, op)
    m, s = q.quantize_multiplier(_real(graph, op))
    shape = output(graph, op).shape
    fields = {"rows": math.prod(shape[:-1]), "depth": shape[-1], "multiplier": m, "shift": s, "diff_min": _diff_min(s)}
    fields["flags"] = _WIDE if output(graph, op).dtype == "int16" else 0
    return Step("SOFTMAX", op, fields, {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])})


SPEC = OpSpec("SOFTMAX", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
