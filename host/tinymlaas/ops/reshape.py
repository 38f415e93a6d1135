"""RESHAPE: the same bytes under another shape. Usually a pass turns it into a view; what is left copies."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import DTYPES
from ..tflite.reader import Table
from .base import OpSpec
from .checks import inconsistent, operand, operand_count, output, present, refuse


@dataclass(frozen=True, slots=True)
class Reshape:
    """No attributes: the output tensor has the shape."""


def _parse(options: Table) -> Reshape:
    return Reshape()


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 2)
    source, result = operand(graph, op, 0, "input"), output(graph, op)
    if source.data is not None:
        raise refuse(graph, op, f"input '{source.name}' is a constant", "fold it when converting the model")
    if source.dtype not in DTYPES or source.size == 0:
        raise refuse(
            graph, op, f"input '{source.name}' is {source.dtype} {list(source.shape)}", "quantise the model to int8"
        )
    if source.dtype != result.dtype or source.size != result.size:
        shapes = f"{source.dtype} {list(source.shape)} into {result.dtype} {list(result.shape)}"
        raise inconsistent(graph, op, f"cannot reshape {shapes}")


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    return [present(inputs[0]).reshape(output(graph, op).shape)]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    return Step("COPY", op, {"count": output(graph, op).bytes}, operands)


SPEC = OpSpec("RESHAPE", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
