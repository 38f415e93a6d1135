"""QUANTIZE between int8 and uint8, or from one int8 scale to another. Those from float, at a model's ends, are folded before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..tflite.reader import Table
from .checks import inconsistent, multiplier, operand, operand_count, output, quant_of, refuse, same_shape
from .lookup import spec

_BYTES = {("int8", "int8"), ("int8", "uint8"), ("uint8", "int8")}


@dataclass(frozen=True, slots=True)
class Quantize:
    """No attributes."""


def _parse(options: Table) -> Quantize:
    return Quantize()


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source, result = operand(graph, op, 0, "input"), output(graph, op)
    same_shape(graph, op, result.shape, source.shape, "output")
    if (source.dtype, result.dtype) not in _BYTES:
        types = f"{source.dtype} to {result.dtype}"
        raise refuse(
            graph, op, f"converts {types} inside the model", "supported are int8 and uint8; quantise all of it"
        )
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


def _function(graph: Graph, op: Op, x: Array) -> Array:
    result, limits = output(graph, op), np.iinfo(output(graph, op).dtype)
    scale = q.quantize_multiplier(_real(graph, op))
    centred = x - quant_of(graph.tensor(op.inputs[0])).zero_point
    scaled = q.multiply_by_quantized_multiplier(centred, *scale) + quant_of(result).zero_point
    return q.saturate(scaled, limits.min, limits.max)


SPEC = spec("QUANTIZE", _parse, _check, _function)
