"""DEQUANTIZE to float32. At a model's outputs it is folded: the device gives scales; inside a model nothing runs in floats."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from ..graph import Array, Graph, Op
from .base import OpSpec
from .checks import operand, operand_count, output, present, quant_of, refuse
from .movement import no_attributes


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    source, result = operand(graph, op, 0, "input"), output(graph, op)
    where = f"converts {source.dtype} to {result.dtype} inside the model"
    raise refuse(graph, op, where, "only a model's outputs are converted to float; quantise all of it")


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    quant = quant_of(graph.tensor(op.inputs[0]))
    centred = present(inputs[0]).astype(np.int32) - quant.zero_point
    return [centred.astype(np.float32) * np.float32(quant.scale)]


def _lower(graph: Graph, op: Op, target: str) -> NoReturn:
    raise AssertionError("its check refuses it")


SPEC = OpSpec("DEQUANTIZE", no_attributes, _check, _evaluate, _lower, lambda graph, op: 0)
