"""What functions of two int8 or int16 operands share: broadcasting, constants, and the table that a function of one variable becomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    activation_output,
    inconsistent,
    int8_operand,
    is_wide,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    values,
)
from .lookup import all_bytes, lookup_step

RANK = 4  # of the record, after dimensions that broadcast alike are joined

# (graph, op, a, b as int64) → the output's values, broadcasting: the definition.
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


def check_operands(graph: Graph, op: Op, dtypes: tuple[str, ...] = ("int8",)) -> None:
    """Check two operands of one of some types that broadcast to the output, at least one of them computed by the model."""
    operand_count(graph, op, 2, 2)
    first = int8_operand(graph, op, 0, "first input", dtypes)
    check_broadcast(graph, op, first, int8_operand(graph, op, 1, "second input", (first.dtype,)))
    activation_output(graph, op, first.dtype)
    activation_limits(graph, op, getattr(op.attrs, "activation", "NONE"))


def check_broadcast(graph: Graph, op: Op, a: Tensor, b: Tensor) -> None:
    """Check that two operands, one of them computed, broadcast to the output in as many dimensions as the record has."""
    result = output(graph, op)
    if a.data is not None and b.data is not None:
        raise refuse(graph, op, "both inputs are constants", "fold the layer when converting the model")
    try:
        expected = np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        shapes = f"{list(a.shape)} and {list(b.shape)}"
        raise inconsistent(graph, op, f"inputs of shapes {shapes} do not broadcast") from error
    same_shape(graph, op, result.shape, expected, "output")
    if len(joined_shape(expected, (a.shape, b.shape))[0]) > RANK:
        shapes = f"{list(a.shape)} and {list(b.shape)}"
        raise refuse(graph, op, f"broadcasts {shapes}", "supported are up to four dimensions that broadcast unlike")


def limits(graph: Graph, op: Op) -> tuple[int, int]:
    """Lowest and highest output."""
    return activation_limits(graph, op, getattr(op.attrs, "activation", "NONE"))


def requantised(graph: Graph, op: Op, x: Array, scale: tuple[int, int]) -> Array:
    """Scaled, with the output's zero point, within its limits."""
    result = output(graph, op)
    return q.requantize(x, *scale, quant_of(result).zero_point, limits(graph, op), result.dtype)


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
    unary = op.inputs[0] == op.inputs[1] or 1 in (_constant_size(a), _constant_size(b))
    if unary and not is_wide(graph, op):
        return _lower_unary(graph, op, function)
    shape, alone = joined_shape(output(graph, op).shape, (a.shape, b.shape))
    lead = RANK - len(shape)
    fields = {
        "shape": [1] * lead + shape,
        "broadcast1": mask(alone[0]) << lead,
        "broadcast2": mask(alone[1]) << lead,
        "constants": (a.data is not None) + 2 * (b.data is not None),
        **(wide_range(limits(graph, op)) if is_wide(graph, op) else _range(graph, op)),
        **numbers(graph, op),
    }
    fields.setdefault("function", BINARY_FUNCTIONS.get(op.code))
    inputs = dict(zip(("input", "input2"), op.inputs, strict=True))
    constants = {n: values(graph.tensor(t)).tobytes() for n, t in inputs.items() if graph.tensor(t).data is not None}
    operands = {n: graph.storage(t) for n, t in inputs.items() if n not in constants}
    kernel = "BINARY_INT16" if is_wide(graph, op) else "BINARY"
    return Step(kernel, op, fields, operands | {"output": graph.storage(op.outputs[0])}, constants)


def wide_range(limits: tuple[int, int]) -> dict[str, int]:
    """Fields of what computes with int16: no zero points."""
    return {"wide_min": limits[0], "wide_max": limits[1]}


def sloped(
    graph: Graph, op: Op, above: tuple[int, int], below: tuple[int, int], factor: int, limits: tuple[int, int]
) -> Step:
    """The step of a function of one int16: times ``above`` from zero on, times ``below`` and a factor, 1 or -1, below zero."""
    (m1, s1), (m2, s2) = above, below
    fields = {
        "shape": [1, 1, 1, output(graph, op).size],
        "broadcast2": 0b1111,
        "constants": 2,
        "multiplier1": m1,
        "shift1": s1,
        "out_multiplier": m2,
        "out_shift": s2,
        "function": BINARY_FUNCTIONS["PRELU"],
        **wide_range(limits),
    }
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("BINARY_INT16", op, fields, operands, {"input2": np.array([factor], "<i2").tobytes()})


def _range(graph: Graph, op: Op) -> dict[str, int]:
    """Zero points, 0 where there is no quantisation, and the output's limits."""
    names = ("in_zero_point", "in2_zero_point", "out_zero_point")
    quants = (graph.tensor(t).quant for t in (*op.inputs, *op.outputs))
    low, high = limits(graph, op) if output(graph, op).quant else (q.INT8_MIN, q.INT8_MAX)
    zeros = {name: quant.zero_point if quant else 0 for name, quant in zip(names, quants, strict=True)}
    return zeros | {"act_min": low, "act_max": high}


def _constant_size(tensor: Tensor) -> int:
    return tensor.size if tensor.data is not None else 0


def _lower_unary(graph: Graph, op: Op, function: Function) -> Step:
    """With one operand, or one constant, it is a function of one byte."""
    every = all_bytes("int8").astype(np.int64)
    tensors = [graph.tensor(t) for t in op.inputs]
    a, b = (every if t.data is None else values(t).reshape(-1).astype(np.int64) for t in tensors)
    source = op.inputs[0] if tensors[0].data is None else op.inputs[1]
    return lookup_step(graph, op, source, function(graph, op, a, b).view(np.uint8))


def mask(bits: list[bool]) -> int:
    """Bits as a number, the first the lowest."""
    return sum(1 << i for i, bit in enumerate(bits) if bit)


def joined_shape(whole: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> tuple[list[int], list[list[bool]]]:
    """``whole`` with dimensions joined along which all operands behave alike, and for each operand where it has one element only."""
    padded = [(1,) * (len(whole) - len(s)) + s for s in shapes]
    shape: list[int] = []
    kinds: list[tuple[bool, ...]] = []
    for size, *sizes in zip(whole, *padded, strict=True):
        kind = tuple(n == 1 for n in sizes)
        if size == 1:
            continue
        if kinds and kinds[-1] == kind:
            shape[-1] *= size
        else:
            shape.append(size)
            kinds.append(kind)
    return shape, [[kind[i] for kind in kinds] for i in range(len(shapes))]


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
