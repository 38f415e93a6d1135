"""SELECT_V2: of two operands one or the other, as a condition says. The output becomes the second; the first is put over it."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import BINARY_FUNCTIONS, DTYPE_BYTES
from . import binary, movement
from .base import OpSpec
from .checks import inconsistent, int8_operand, operand_count, output, present, refuse, same_shape, values
from .logical import boolean

_CONDITION, _FIRST, _SECOND = range(3)  # positions of the inputs


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 3, 3)
    condition, result = boolean(graph, op, _CONDITION, "condition"), output(graph, op)
    operands = [
        int8_operand(graph, op, i, role, tuple(q.LIMITS))
        for i, role in ((_FIRST, "first input"), (_SECOND, "second input"))
    ]
    kinds = {(t.dtype, t.quant) for t in (result, *operands)}
    if len(kinds) > 1:
        raise refuse(graph, op, "operands and result are not quantised alike", "quantise them alike")
    try:
        expected = np.broadcast_shapes(condition.shape, *(t.shape for t in operands))
    except ValueError as error:
        raise inconsistent(graph, op, f"shapes do not broadcast: {error}") from error
    same_shape(graph, op, result.shape, expected, "output")
    if condition.data is not None:
        raise refuse(graph, op, "the condition is a constant", "fold the layer when converting the model")
    _expanded(graph, op)


def _expanded(graph: Graph, op: Op) -> tuple[list[int], list[list[bool]]]:
    """The output's shape in the record's dimensions, bytes last, and where condition and first operand have one element."""
    item = DTYPE_BYTES[output(graph, op).dtype]
    shapes = [(*graph.tensor(t).shape, size) for t, size in zip(op.inputs, (1, item), strict=False)]
    shape, alone = binary.joined_shape((*output(graph, op).shape, item), shapes)
    if len(shape) > binary.RANK:
        raise refuse(
            graph, op, f"broadcasts {[list(s) for s in shapes]}", "supported are four dimensions that broadcast unlike"
        )
    return shape, alone


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    condition, first, second = (present(x) for x in inputs)
    return [np.where(condition.view(np.uint8) != 0, first, second)]


def _lower(graph: Graph, op: Op, target: str) -> tuple[Step, ...]:
    shape, alone = _expanded(graph, op)
    lead = binary.RANK - len(shape)
    masks = [binary.mask(bits) << lead for bits in alone]
    first = graph.tensor(op.inputs[_FIRST])
    fields = {
        "shape": [1] * lead + shape,
        "broadcast1": masks[0],
        "broadcast2": masks[1],
        "constants": 2 * (first.data is not None),
        "act_min": -128,
        "act_max": 127,
        "function": BINARY_FUNCTIONS["SELECT"],
    }
    operands = {"input": graph.storage(op.inputs[_CONDITION]), "output": graph.storage(op.outputs[0])}
    constants = {"input2": values(first).tobytes()} if first.data is not None else {}
    if not constants:
        operands["input2"] = graph.storage(op.inputs[_FIRST])
    return (*_second(graph, op), Step("BINARY", op, fields, operands, constants))


def _second(graph: Graph, op: Op) -> tuple[Step, ...]:
    """Brings the second operand to the output, broadcast."""
    second: Tensor = graph.tensor(op.inputs[_SECOND])
    places = np.broadcast_to(np.arange(second.size).reshape(second.shape), output(graph, op).shape)
    return movement.lower_places(graph, op, [places.reshape(-1)], (_SECOND,))


SPEC = OpSpec("SELECT_V2", movement.no_attributes, _check, _evaluate, _lower, lambda graph, op: 0)
