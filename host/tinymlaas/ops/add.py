"""ADD of two activations of the same shape, each with its own scale, brought to a common one with 20 bits to spare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from .base import OpSpec
from .checks import (
    activation_limits,
    int8_input,
    int8_output,
    multiplier,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
)
from .weighted import range_fields

_LEFT_SHIFT = 20


@dataclass(frozen=True, slots=True)
class Add:
    """Attributes."""

    activation: str


def _parse(options: Table) -> Add:
    return Add(schema.name_of(schema.ACTIVATIONS, options.int8(schema.AddOptions.ACTIVATION)))


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    a, b = int8_input(graph, op, 0, "first input"), int8_input(graph, op, 1, "second input")
    result = int8_output(graph, op)
    if a.shape != b.shape:
        raise refuse(
            graph,
            op,
            f"inputs of shapes {list(a.shape)} and {list(b.shape)}",
            "broadcasting is not supported: expand one",
        )
    same_shape(graph, op, result.shape, a.shape, "output")
    for real in _reals(graph, op):
        multiplier(graph, op, real, "ratio of scales", max_shift=0)
    activation_limits(graph, op, op.attrs.activation)


def _reals(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Multipliers of the inputs and of their sum, as ``CalculateOpDataAdd``."""
    a, b = (quant_of(graph.tensor(t)).scale for t in op.inputs)
    common = 2.0 * max(a, b)
    return a / common, b / common, common / ((1 << _LEFT_SHIFT) * quant_of(output(graph, op)).scale)


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    first, second, whole = (q.quantize_multiplier(r) for r in _reals(graph, op))
    total = _scaled(graph, op, inputs, 0, first) + _scaled(graph, op, inputs, 1, second)
    limits = activation_limits(graph, op, op.attrs.activation)
    return [q.requantize(total, *whole, quant_of(output(graph, op)).zero_point, limits)]


def _scaled(graph: Graph, op: Op, inputs: list[Array | None], position: int, scale: tuple[int, int]) -> Array:
    x = present(inputs[position])
    centred = x.astype(np.int64) - quant_of(graph.tensor(op.inputs[position])).zero_point
    return q.multiply_by_quantized_multiplier(centred << _LEFT_SHIFT, *scale)


def _lower(graph: Graph, op: Op, target: str) -> Step:
    (m1, s1), (m2, s2), (m_out, s_out) = (q.quantize_multiplier(r) for r in _reals(graph, op))
    fields = {
        "count": output(graph, op).size,
        "multiplier1": m1,
        "multiplier2": m2,
        "out_multiplier": m_out,
        "shift1": s1,
        "shift2": s2,
        "out_shift": s_out,
        "in2_zero_point": quant_of(graph.tensor(op.inputs[1])).zero_point,
    }
    limits = activation_limits(graph, op, op.attrs.activation)
    operands = {"input": op.inputs[0], "input2": op.inputs[1], "output": op.outputs[0]}
    return Step("ADD", op, fields | range_fields(graph, op, limits), {k: graph.storage(t) for k, t in operands.items()})


SPEC = OpSpec("ADD", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
