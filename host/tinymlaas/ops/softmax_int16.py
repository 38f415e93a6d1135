"""SOFTMAX of int16: tables of exp(x) and of 1 / (1 + x) with straight lines between their entries, everything in Q0.15."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from .checks import inconsistent, multiplier, output, quant_of, refuse

_OUTPUT = 1 / 32768  # scale; nothing is computed with it
_NEAR = 1e-3  # how far it may be off
_STEPS = 512
_LOW, _HIGH = q.LIMITS["int16"]
_MAX_DEPTH = (1 << 16) - 1  # that many exponentials have a sum of 32 bits
_MAX_SHIFT = 14  # a difference of 17 bits then fits 32


def check(graph: Graph, op: Op) -> None:
    """Check scales and shape."""
    source, quant = graph.tensor(op.inputs[0]), quant_of(output(graph, op))
    if not source.shape or source.shape[-1] > _MAX_DEPTH:
        raise refuse(graph, op, f"shape {list(source.shape)}", f"supported are rows of 1 to {_MAX_DEPTH} int16")
    if abs(quant.scale / _OUTPUT - 1) > _NEAR:
        raise refuse(graph, op, f"output scale {quant.scale:g}", "of int16 only 1/32768 is supported")
    if not math.isfinite(op.attrs.beta) or op.attrs.beta < 0:
        raise inconsistent(graph, op, f"beta {op.attrs.beta:g}")
    multiplier(graph, op, _real(graph, op), "beta * input scale * 6553.5", _MAX_SHIFT)


def _real(graph: Graph, op: Op) -> float:
    """What makes -65535 of a distance of -10."""
    beta: float = op.attrs.beta
    return quant_of(graph.tensor(op.inputs[0])).scale * beta / (10.0 / 65535.0)


@cache
def tables() -> Array:
    """exp(x) from -10 to 0 and 1 / (1 + x) from 0 to 1, 513 entries each: ``LUTPopulate``."""
    parts = (_table(np.exp, 10.0, _HIGH), _table(lambda x: np.float32(1) / (np.float32(1) + x), 1.0, _LOW))
    return np.concatenate(parts).astype("<i2")


def _table(function: Callable[[Array], Array], width: float, zero_point: int) -> Array:
    """In float32 as there: each entry is moved by half of what a straight line is off in the middle."""
    f = np.float32
    scale = f(width) / f(65535)
    low, high = scale * f(_LOW - zero_point), scale * f(_HIGH - zero_point)
    out_scale = f(2.0) / f(65535)
    inverse = f(65536) / (out_scale * f(_HIGH) - out_scale * f(_LOW))
    step = (high - low) / f(_STEPS)
    at = low + np.arange(_STEPS + 1, dtype=f) * step
    here, middle = function(at) * inverse, function(at[:-1] + step / f(2)) * inverse
    rounded = _round(here)
    off = _round((here[1:] + rounded[:-1]) / f(2)) - _round(middle)
    last = _round(function(np.array([high], f)) * inverse)
    entries: Array = np.clip(np.append(rounded[:-1] - _round(off / f(2)), last), _LOW, _HIGH)
    return entries


def _round(x: Array) -> Array:
    """Halves away from zero."""
    rounded: Array = np.trunc(x + np.copysign(np.float32(0.5), x)).astype(np.float32)
    return rounded


def _interpolated(table: Array, x: Array) -> Array:
    """``LUTLookup``: entries are 128 apart."""
    x = np.clip(x, _LOW, _HIGH) - _LOW
    at = x >> 7
    between: Array = table[at] + (((table[at + 1] - table[at]) * (x & 127) + 64) >> 7)
    return between


def evaluate(graph: Graph, op: Op, x: Array) -> Array:
    """``SoftmaxInt16``."""
    exp, inverse = tables().astype(np.int64).reshape(2, -1)
    rows = x.reshape(-1, x.shape[-1]).astype(np.int64)
    scale = q.quantize_multiplier(_real(graph, op))
    scaled = q.multiply_by_quantized_multiplier(rows - rows.max(axis=1, keepdims=True), *scale)
    exps = _interpolated(exp, scaled + _HIGH)
    sums = exps.sum(axis=1, keepdims=True)
    bits = np.frexp(sums.astype(np.float64))[1].astype(np.int64) - 1  # exact: sums < 2^31
    whole = ((sums << (30 - bits)) + (1 << 13)) >> 14
    reciprocal = _interpolated(inverse, whole - (1 << 16) + _LOW)
    result: Array = np.clip((exps * reciprocal + (1 << (bits - 1))) >> bits, 0, _HIGH)
    return result.astype(np.int16).reshape(x.shape)


def lower(graph: Graph, op: Op) -> Step:
    """The step of a checked operator."""
    m, s = q.quantize_multiplier(_real(graph, op))
    shape = output(graph, op).shape
    fields = {"rows": math.prod(shape[:-1]), "depth": shape[-1], "multiplier": m, "shift": s}
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("SOFTMAX_INT16", op, fields, operands, {"tables": tables().tobytes()})
