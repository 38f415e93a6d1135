"""What functions of two int8 operands share: broadcasting, constants, and the table that a function of one variable becomes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import BINARY_FUNCTIONS
from ..tflite import schema
from ..tflite.reader import Table
from .base import OpSpec
from .checks import (
    activation_limits,
    inconsistent,
    int8_operand,
    int8_output,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    values,
)
from .lookup import all_bytes, lookup_step

_RANK = 4  # of the record, after dimensions that broadcast alike are joined

# (graph, op, a, b as int64) → int8, broadcasting: the definition.
Function = Callable[[Graph, Op, Array, Array], Array]
# (graph, op) → the record's multipliers, shifts and whatever else only this function has.
Numbers = Callable[[Graph, Op], dict[str, int]]


@dataclass(frozen=True, slots=True)
class Fused:
    """Attributes: what the options of ADD, SUB and MUL start with."""

    activation: str


def parse_fused(options: Table) -> Fused:
    """Attributes from ``AddOptions``, ``SubOptions``, ``MulOptions``."""
    return Fused(schema.name_of(schema.ACTIVATIONS, options.int8(schema.AddOptions.ACTIVATION)))


@dataclass(frozen=True, slots=True)
class Plain:
    """No attributes."""


def parse_plain(options: Table) -> Plain:
    """No attributes."""
    return Plain()


def spec(
    code: str, parse: Callable[[Table], Any], check: Callable[[Graph, Op], None], function: Function, numbers: Numbers
) -> OpSpec:
    """An operator that the BINARY kernel runs, or LOOKUP where one operand is a single constant."""

    def evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
        a, b = (present(x).astype(np.int64) for x in inputs)
        return [function(graph, op, a, b).reshape(output(graph, op).shape)]

    def lower(graph: Graph, op: Op, target: str) -> Step:
        return lower_binary(graph, op, function, numbers)

    return OpSpec(code, parse, check, evaluate, lower, lambda graph, op: 0)


def check_operands(graph: Graph, op: Op) -> None:
    """Check two int8 operands that broadcast to the output, at least one of them computed by the model."""
    operand_count(graph, op, 2, 2)
    a, b = int8_operand(graph, op, 0, "first input"), int8_operand(graph, op, 1, "second input")
    result = int8_output(graph, op)
    if a.data is not None and b.data is not None:
        raise refuse(graph, op, "both inputs are constants", "fold the layer when converting the model")
    try:
        expected = np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        shapes = f"{list(a.shape)} and {list(b.shape)}"
        raise inconsistent(graph, op, f"inputs of shapes {shapes} do not broadcast") from error
    same_shape(graph, op, result.shape, expected, "output")
    if len(joined_shape(a.shape, b.shape)[0]) > _RANK:
        shapes = f"{list(a.shape)} and {list(b.shape)}"
        raise refuse(graph, op, f"broadcasts {shapes}", "supported are up to four dimensions that broadcast unlike")
    activation_limits(graph, op, getattr(op.attrs, "activation", "NONE"))


def limits(graph: Graph, op: Op) -> tuple[int, int]:
    """Lowest and highest output."""
    return activation_limits(graph, op, getattr(op.attrs, "activation", "NONE"))


def centred(graph: Graph, op: Op, position: int, x: Array) -> Array:
    """An operand without its zero point."""
    return x - quant_of(graph.tensor(op.inputs[position])).zero_point


def scales(graph: Graph, op: Op) -> tuple[float, float, float]:
    """Of both inputs and the output."""
    a, b = (quant_of(graph.tensor(t)).scale for t in op.inputs)
    return a, b, quant_of(output(graph, op)).scale


def lower_binary(graph: Graph, op: Op, function: Function, numbers: Numbers) -> Step:
    """The step of a checked operator."""
    a, b = (graph.tensor(t) for t in op.inputs)
    if op.inputs[0] == op.inputs[1] or 1 in (_constant_size(a), _constant_size(b)):
        return _lower_unary(graph, op, function)
    shape, alone = joined_shape(a.shape, b.shape)
    lead = _RANK - len(shape)
    low, high = limits(graph, op)
    fields = {
        "shape": [1] * lead + shape,
        "broadcast1": _mask(alone[0]) << lead,
        "broadcast2": _mask(alone[1]) << lead,
        "constants": (a.data is not None) + 2 * (b.data is not None),
        "in_zero_point": quant_of(a).zero_point,
        "in2_zero_point": quant_of(b).zero_point,
        "out_zero_point": quant_of(output(graph, op)).zero_point,
        "act_min": low,
        "act_max": high,
        "function": BINARY_FUNCTIONS[op.code],
        **numbers(graph, op),
    }
    inputs = dict(zip(("input", "input2"), op.inputs, strict=True))
    constants = {n: values(graph.tensor(t)).tobytes() for n, t in inputs.items() if graph.tensor(t).data is not None}
    operands = {n: graph.storage(t) for n, t in inputs.items() if n not in constants}
    return Step("BINARY", op, fields, operands | {"output": graph.storage(op.outputs[0])}, constants)


def _constant_size(tensor: Tensor) -> int:
    return tensor.size if tensor.data is not None else 0


def _lower_unary(graph: Graph, op: Op, function: Function) -> Step:
    """With one operand, or one constant, it is a function of one byte."""
    every = all_bytes("int8").astype(np.int64)
    tensors = [graph.tensor(t) for t in op.inputs]
    a, b = (every if t.data is None else values(t).reshape(-1).astype(np.int64) for t in tensors)
    source = op.inputs[0] if tensors[0].data is None else op.inputs[1]
    return lookup_step(graph, op, source, function(graph, op, a, b).view(np.uint8))


def _mask(bits: list[bool]) -> int:
    return sum(1 << i for i, bit in enumerate(bits) if bit)


def joined_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[list[int], tuple[list[bool], list[bool]]]:
    """The broadcast shape with dimensions joined along which the operands behave alike, and where each has one element only."""
    rank = max(len(a), len(b))
    pairs = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True)
    shape: list[int] = []
    alone: tuple[list[bool], list[bool]] = ([], [])
    for m, n in pairs:
        kinds = (m == 1, n == 1)
        if m == n == 1:
            continue
        if shape and (alone[0][-1], alone[1][-1]) == kinds:
            shape[-1] *= max(m, n)
        else:
            shape.append(max(m, n))
            alone[0].append(kinds[0])
            alone[1].append(kinds[1])
    return shape, alone


def elements(shape: tuple[int, ...]) -> int:
    """Number of elements."""
    return math.prod(shape)


# ADD, SUB and SQUARED_DIFFERENCE bring both operands to a common scale first.


def scaled(x: Array, left_shift: int, scale: tuple[int, int]) -> Array:
    """A centred operand in the common scale, with ``left_shift`` bits to spare."""
    return q.multiply_by_quantized_multiplier(x << left_shift, *scale)


def common_numbers(reals: tuple[float, float, float]) -> dict[str, int]:
    """Record fields of the multipliers of both inputs and the result."""
    (m1, s1), (m2, s2), (m_out, s_out) = (q.quantize_multiplier(r) for r in reals)
    names = ("multiplier1", "shift1", "multiplier2", "shift2", "out_multiplier", "out_shift")
    return dict(zip(names, (m1, s1, m2, s2, m_out, s_out), strict=True))
