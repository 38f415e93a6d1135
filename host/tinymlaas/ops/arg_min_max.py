"""ARG_MAX and ARG_MIN along one axis: the place of the largest or smallest element, of equal ones the first, as int32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import REDUCE_FUNCTIONS
from . import reduce
from .base import OpSpec
from .checks import constant, inconsistent, int8_input, operand_count, output, present, refuse, same_shape, values
from .movement import no_attributes

_AXIS = 1  # position of the input


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    source, result = int8_input(graph, op), output(graph, op)
    axis = values(constant(graph, op, _AXIS, "axis", ("int32",))).reshape(-1).tolist()
    rank = len(source.shape)
    if len(axis) != 1 or not -rank <= axis[0] < rank:
        raise inconsistent(graph, op, f"axis {axis} of {rank} dimensions")
    if result.dtype != "int32":
        raise refuse(graph, op, f"gives {result.dtype}", "ask for int32: output_type=tf.int32")
    same_shape(graph, op, result.shape, tuple(n for i, n in enumerate(source.shape) if i != axis[0] % rank), "output")
    reduce.dimensions(graph, op)


def _evaluator(function: Callable[..., Array]) -> Callable[[Graph, Op, list[Array | None]], list[Array]]:
    def evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
        (axis,) = reduce.reduced_axes(graph, op)
        return [np.asarray(function(present(inputs[0]), axis=axis)).astype(np.int32)]

    return evaluate


def _lower(graph: Graph, op: Op, target: str) -> Step:
    kept, reduced = reduce.dimensions(graph, op)
    fields = {
        "count": [n for n, _ in kept + reduced],
        "stride": [n for _, n in kept + reduced],
        "function": REDUCE_FUNCTIONS[op.code],
    }
    return Step("REDUCE", op, fields, {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])})


SPECS = tuple(
    OpSpec(code, no_attributes, _check, _evaluator(function), _lower, lambda graph, op: 0)
    for code, function in (("ARG_MAX", np.argmax), ("ARG_MIN", np.argmin))
)
