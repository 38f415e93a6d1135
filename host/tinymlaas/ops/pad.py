"""PAD and PADV2 of up to four dimensions: PAD fills with the output's zero point, PADV2 with a constant of its own.

Of int16 they are MOVEs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite.reader import Table
from . import movement
from .base import OpSpec
from .checks import (
    activation_input,
    activation_output,
    constant,
    inconsistent,
    is_wide,
    operand_count,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    values,
)

_RANK = 4  # of the record
_U16 = (1 << 16) - 1
_PADDINGS, _VALUE = 1, 2  # positions of the inputs


@dataclass(frozen=True, slots=True)
class Pad:
    """No attributes: paddings and value are operands."""


def _parse(options: Table) -> Pad:
    return Pad()


def _check(graph: Graph, op: Op) -> None:
    operands = 3 if op.code == "PADV2" else 2
    operand_count(graph, op, operands, operands)
    source = activation_input(graph, op)
    result = activation_output(graph, op, source.dtype)
    paddings = values(constant(graph, op, _PADDINGS, "paddings", ("int32", "int64")))
    rank = len(source.shape)
    if paddings.shape != (rank, 2) or (paddings < 0).any():
        raise inconsistent(graph, op, f"paddings {paddings.tolist()} for {rank} dimensions")
    if rank > _RANK or max(result.shape, default=1) > _U16:
        shapes = f"{list(source.shape)} to {list(result.shape)}"
        raise refuse(graph, op, f"pads {shapes}", f"supported are up to {_RANK} dimensions of up to {_U16}")
    expected = tuple(n + int(p.sum()) for n, p in zip(source.shape, paddings, strict=True))
    same_shape(graph, op, result.shape, expected, "output")
    if op.code == "PADV2":
        _check_value(graph, op)


def _check_value(graph: Graph, op: Op) -> None:
    value = constant(graph, op, _VALUE, "padding value", (output(graph, op).dtype,))
    if value.size != 1 or value.quant is None:
        raise inconsistent(graph, op, f"padding value of shape {list(value.shape)} or without a scale")
    result = quant_of(output(graph, op))
    if (value.quant.scale, value.quant.zero_point) != (result.scale, result.zero_point):
        raise inconsistent(graph, op, "padding value and output have different scales or zero points")


def _value(graph: Graph, op: Op) -> int:
    if op.code == "PADV2":
        return int(values(graph.tensor(op.inputs[_VALUE])).reshape(-1)[0])
    return quant_of(output(graph, op)).zero_point


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    return [np.pad(present(inputs[0]), present(inputs[_PADDINGS]), constant_values=_value(graph, op))]


def _wide(graph: Graph, op: Op) -> tuple[Step, ...]:
    source = graph.tensor(op.inputs[0])
    places = np.arange(source.size).reshape(source.shape)
    around = values(graph.tensor(op.inputs[_PADDINGS]))
    places = np.pad(places, around, constant_values=movement.FILL).reshape(-1)
    return movement.lower_places(graph, op, [places], (0,), _value(graph, op))


def _lower(graph: Graph, op: Op, target: str) -> Step | tuple[Step, ...]:
    if is_wide(graph, op):
        return _wide(graph, op)
    shape = graph.tensor(op.inputs[0]).shape
    paddings = values(graph.tensor(op.inputs[_PADDINGS])).tolist()
    lead = _RANK - len(shape)
    fields = {
        "in_shape": [1] * lead + list(shape),
        "before": [0] * lead + [p[0] for p in paddings],
        "after": [0] * lead + [p[1] for p in paddings],
        "value": _value(graph, op),
    }
    return Step("PAD", op, fields, {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])})


SPEC = OpSpec("PAD", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
SPEC_V2 = OpSpec("PADV2", _parse, _check, _evaluate, _lower, lambda graph, op: 0)
