"""Operators in a row that only move elements become one MOVE: layouts that are changed to and fro, as from PyTorch, come to nothing."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Array, Graph, Op
from ..ops import OPS
from ..ops.moved import Moved
from ..ops.movement import FILL


def run(graph: Graph, target: str) -> Graph:
    """Join each with the one before it, in order, so that chains of any length become one."""
    for index in range(len(graph.ops)):
        graph = _join(graph, index)
    return graph


def _places(graph: Graph, op: Op) -> Array | None:
    """What an operator of one input and one output moves; None for any other."""
    spec = OPS[op.code]
    if spec.places is None or len(op.outputs) != 1 or len(spec.moved(op)) != 1:
        return None
    if graph.tensor(op.inputs[spec.moved(op)[0]]).data is not None:
        return None
    return spec.places(graph, op)[0]


def _join(graph: Graph, index: int) -> Graph:
    op = graph.ops[index]
    later = _places(graph, op)
    if later is None or (later == FILL).any():
        return graph
    source = op.inputs[OPS[op.code].moved(op)[0]]
    before = graph.producer(source)
    earlier = _places(graph, before) if before is not None else None
    if before is None or earlier is None or (earlier == FILL).any():
        return graph
    if graph.tensor(source).quant != graph.tensor(op.outputs[0]).quant:
        return graph
    start = before.inputs[OPS[before.code].moved(before)[0]]
    if any(s.written == op.outputs[0] and s.read == graph.storage(start) for s in graph.states):
        return graph  # it would move within the state's own bytes
    joined = replace(op, code="MOVE", inputs=(start,), attrs=Moved(earlier[later]))
    return graph.replacing(op, [joined])
