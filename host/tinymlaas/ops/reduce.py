"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN over any axes. A mean is a sum whose multiplier divides by the number of elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import REDUCE_FUNCTIONS
from ..tflite import schema
from ..tflite.reader import Table
from .base import OpSpec
from .checks import (
    activation_input,
    activation_output,
    constant,
    inconsistent,
    is_wide,
    multiplier,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    values,
)

_AXES = 1  # position of the input
_MAX_REDUCED = {"int8": 1 << 22, "int16": 1 << 15}  # elements whose sum fits 32 bits with room


@dataclass(frozen=True, slots=True)
class Reduce:
    """Attributes."""

    keep_dims: bool


def _parse(options: Table) -> Reduce:
    return Reduce(options.boolean(schema.ReducerOptions.KEEP_DIMS))


def _check(graph: Graph, op: Op, dtypes: tuple[str, ...] = ("int8",)) -> None:
    operand_count(graph, op, 2, 2)
    source = activation_input(graph, op, dtypes=dtypes)
    result = activation_output(graph, op, source.dtype)
    axes = values(constant(graph, op, _AXES, "axes", ("int32",))).reshape(-1).tolist()
    rank = len(source.shape)
    if any(not -rank <= a < rank for a in axes):
        raise inconsistent(graph, op, f"axes {axes} of {rank} dimensions")
    reduced = reduced_axes(graph, op)
    kept = [1 if i in reduced else n for i, n in enumerate(source.shape)]
    expected = kept if op.attrs.keep_dims else [n for i, n in enumerate(source.shape) if i not in reduced]
    same_shape(graph, op, result.shape, tuple(expected), "output")
    dimensions(graph, op)
    most = _MAX_REDUCED[source.dtype]
    if _elements(graph, op) > most:
        raise refuse(graph, op, f"reduces {_elements(graph, op)} elements", f"supported are up to {most}")


def _check_sum(graph: Graph, op: Op) -> None:
    _check(graph, op, tuple(_MAX_REDUCED))
    multiplier(graph, op, _real(graph, op), "ratio of scales")


def _check_extreme(graph: Graph, op: Op) -> None:
    _check(graph, op)
    a, b = quant_of(graph.tensor(op.inputs[0])), quant_of(output(graph, op))
    if (a.scale, a.zero_point) != (b.scale, b.zero_point):
        raise inconsistent(graph, op, f"rescales from {a.scale:g}/{a.zero_point} to {b.scale:g}/{b.zero_point}")


def reduced_axes(graph: Graph, op: Op) -> set[int]:
    """The axes that vanish, counted from 0."""
    axes = values(graph.tensor(op.inputs[_AXES])).reshape(-1).tolist()
    rank = len(graph.tensor(op.inputs[0]).shape)
    return {a % rank for a in axes} if rank else set()


def _elements(graph: Graph, op: Op) -> int:
    shape = graph.tensor(op.inputs[0]).shape
    return math.prod(shape[i] for i in reduced_axes(graph, op))


def dimensions(graph: Graph, op: Op) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(count, stride) of up to two kept and up to two reduced dimensions, neighbours of a kind joined."""
    shape, reduced = graph.tensor(op.inputs[0]).shape, reduced_axes(graph, op)
    kinds: list[bool] = []
    found: list[tuple[int, int]] = []
    stride = math.prod(shape)
    for i, n in enumerate(shape):
        stride //= n
        if n == 1:
            continue
        if kinds and kinds[-1] == (i in reduced):
            found[-1] = (found[-1][0] * n, stride)
        else:
            kinds.append(i in reduced)
            found.append((n, stride))
    kept = [d for d, kind in zip(found, kinds, strict=True) if not kind]
    gone = [d for d, kind in zip(found, kinds, strict=True) if kind]
    if len(kept) > 2 or len(gone) > 2:
        raise refuse(graph, op, f"axes {sorted(reduced)} of {list(shape)}", "supported are two groups of axes")
    one = [(1, 0)]
    return one * (2 - len(kept)) + kept, one * (2 - len(gone)) + gone


def _real(graph: Graph, op: Op) -> float:
    return quant_of(graph.tensor(op.inputs[0])).scale / quant_of(output(graph, op)).scale


def _scale(graph: Graph, op: Op) -> tuple[int, int]:
    """Multiplier and shift of the sum; for a mean divided by the number of elements, as ``QuantizedMeanOrSum``."""
    m, s = q.quantize_multiplier(_real(graph, op))
    if op.code == "SUM":
        return m, s
    count = _elements(graph, op)
    shift = min(count.bit_length() - 1, 32, 31 + s)
    return (m << shift) // count, s - shift


def _evaluate_sum(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    x = present(inputs[0]).astype(np.int64)
    total = x.sum(axis=tuple(sorted(reduced_axes(graph, op)))) - _elements(graph, op) * _zero_point(graph, op)
    result = output(graph, op)
    scaled = q.requantize(total, *_scale(graph, op), quant_of(result).zero_point, q.LIMITS[result.dtype], result.dtype)
    return [scaled.reshape(result.shape)]


def _zero_point(graph: Graph, op: Op) -> int:
    return quant_of(graph.tensor(op.inputs[0])).zero_point


def _evaluator(function: Callable[..., Array]) -> Callable[[Graph, Op, list[Array | None]], list[Array]]:
    def evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
        result = function(present(inputs[0]), axis=tuple(sorted(reduced_axes(graph, op))))
        return [result.reshape(output(graph, op).shape)]

    return evaluate


def _lower(graph: Graph, op: Op, target: str) -> Step:
    kept, reduced = dimensions(graph, op)
    m, s = _scale(graph, op) if op.code in ("MEAN", "SUM") else (0, 0)
    fields = {
        "count": [n for n, _ in kept + reduced],
        "stride": [n for _, n in kept + reduced],
        "multiplier": m,
        "shift": s,
        "bias": -_elements(graph, op) * _zero_point(graph, op),
        "out_zero_point": quant_of(output(graph, op)).zero_point,
        "function": REDUCE_FUNCTIONS[{"REDUCE_MAX": "MAX", "REDUCE_MIN": "MIN"}.get(op.code, "SUM")],
    }
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("REDUCE_INT16" if is_wide(graph, op) else "REDUCE", op, fields, operands)


def _no_macs(graph: Graph, op: Op) -> int:
    return 0


SPECS = (
    OpSpec("MEAN", _parse, _check_sum, _evaluate_sum, _lower, _no_macs),
    OpSpec("SUM", _parse, _check_sum, _evaluate_sum, _lower, _no_macs),
    OpSpec("REDUCE_MAX", _parse, _check_extreme, _evaluator(np.max), _lower, _no_macs),
    OpSpec("REDUCE_MIN", _parse, _check_extreme, _evaluator(np.min), _lower, _no_macs),
)
