"""CALL_ONCE, VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE: what a streaming model remembers between runs.

The importer makes states of the graph of them; what is left is that a value is moved to where the state lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .base import OpSpec
from .checks import operand_count, present, refuse


@dataclass(frozen=True, slots=True)
class Variable:
    """Attributes of VAR_HANDLE."""

    name: str


def _parse_handle(options: Table) -> Variable:
    return Variable(options.string(schema.VarHandleOptions.SHARED_NAME))


def _check(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 1, 1)
    movement.check_moved(graph, op, role="value")
    movement.check_shapes(graph, op, _assign)


def _assign(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [present(inputs[0])]


def _refuse(graph: Graph, op: Op) -> None:
    raise refuse(graph, op, "a variable that nobody assigns", "leave it out")


def _nothing(graph: Graph, op: Op, *arguments: object) -> NoReturn:
    raise AssertionError("the importer resolves it")


SPECS = (
    movement.spec("ASSIGN_VARIABLE", movement.no_attributes, _check, _assign),
    OpSpec("VAR_HANDLE", _parse_handle, _refuse, _nothing, _nothing, lambda graph, op: 0),
    OpSpec("READ_VARIABLE", movement.no_attributes, _refuse, _nothing, _nothing, lambda graph, op: 0),
    OpSpec("CALL_ONCE", movement.no_attributes, _refuse, _nothing, _nothing, lambda graph, op: 0),
)
