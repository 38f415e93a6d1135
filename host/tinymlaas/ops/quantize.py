"""QUANTIZE from one integer type or scale to another. Those from float, at a model's ends, are folded before."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import DTYPES
from ..tflite.reader import Table
from .base import OpSpec
from .checks import inconsistent, multiplier, operand, operand_count, output, present, quant_of, refuse, same_shape
from .lookup import all_bytes, lookup_step

# What TensorFlow Lite Micro has; those from one byte to another are a table.
_INTO = {
    "int8": ("int8", "uint8", "int16", "int32"),
    "uint8": ("int8",),
    "int16": ("int8", "int16", "int32"),
    "int32": ("int8", "int16"),
}


@dataclass(frozen=True, slots=True)
class Quantize:
    """No attributes."""


def _parse(options: Table) -> Quantize:
    return Quantize()


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source, result = operand(graph, op, 0, "input"), output(graph, op)
    same_shape(graph, op, result.shape, source.shape, "output")
    if result.dtype not in _INTO.get(source.dtype, ()):
        types = f"{source.dtype} to {result.dtype}"
        supported = "; ".join(f"{a} to {', '.join(b)}" for a, b in _INTO.items())
        raise refuse(graph, op, f"converts {types} inside the model", f"supported are {supported}: quantise all of it")
    for tensor in (source, result):
        _check_quant(graph, op, tensor)
    multiplier(graph, op, _real(graph, op), "ratio of scales")


def _check_quant(graph: Graph, op: Op, tensor: Tensor) -> None:
    quant = tensor.quant
    if quant is None or quant.per_channel or quant.scale <= 0 or tensor.size == 0:
        raise inconsistent(graph, op, f"'{tensor.name}' is not quantised with one scale, or empty")
    limits = np.iinfo(tensor.dtype)
    if not limits.min <= quant.zero_point <= limits.max:
        raise inconsistent(graph, op, f"'{tensor.name}' is {tensor.dtype} with zero point {quant.zero_point}")


def _real(graph: Graph, op: Op) -> float:
    return quant_of(graph.tensor(op.inputs[0])).scale / quant_of(output(graph, op)).scale


def _requantised(graph: Graph, op: Op, x: Array) -> Array:
    """``Requantize``: x as the output has it."""
    result, limits = output(graph, op), np.iinfo(output(graph, op).dtype)
    scale = q.quantize_multiplier(_real(graph, op))
    centred = q.wrap32(x.astype(np.int64) - quant_of(graph.tensor(op.inputs[0])).zero_point)
    scaled = q.multiply_by_quantized_multiplier(centred, *scale) + quant_of(result).zero_point
    return q.saturate(q.wrap32(scaled), limits.min, limits.max).astype(result.dtype)


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    return [_requantised(graph, op, present(inputs[0]))]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    source, result = graph.tensor(op.inputs[0]), output(graph, op)
    if source.dtype in ("int8", "uint8") and result.dtype in ("int8", "uint8"):
        return lookup_step(graph, op, op.inputs[0], _requantised(graph, op, all_bytes(source.dtype)).view(np.uint8))
    step = rescaling(graph, op, _real(graph, op))
    zero_points = {"in_zero_point": quant_of(source).zero_point, "out_zero_point": quant_of(result).zero_point}
    return replace(step, fields=step.fields | zero_points)


def rescaling(graph: Graph, op: Op, real: float) -> Step:
    """The input's integers times ``real``, as the output's."""
    source, result = graph.tensor(op.inputs[0]), output(graph, op)
    mantissa, shift = q.quantize_multiplier(real)
    fields = {"count": source.size, "multiplier": mantissa, "shift": shift}
    types = {"in_dtype": DTYPES[source.dtype], "out_dtype": DTYPES[result.dtype]}
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("QUANTIZE", op, fields | types, operands)


SPEC = OpSpec("QUANTIZE", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
