"""Runs a plan on a byte arena as the device will, with everything that is not alive poisoned before each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .graph import Array, Graph, Tensor, storage_of
from .ops import OPS
from .plan import Plan, Span, Step

_POISON = 0xA5


def simulate(graph: Graph, plan: Plan, inputs: Sequence[Array]) -> list[Array]:
    """Outputs of the first run; ``inputs`` in the order of ``plan.inputs``. Equal to ``evaluate`` if and only if the memory plan holds."""
    arena = np.full(plan.arena_bytes, _POISON, np.uint8)
    for tensor, value in zip(plan.inputs, inputs, strict=True):
        _store(arena, plan.span(tensor), value)
    for state in plan.states:
        _store(arena, plan.span(state.read), np.frombuffer(state.initial, np.uint8))
    for number, step in enumerate(plan.steps):
        _poison(arena, plan, number)
        _step(graph, plan, step, arena)
    return [_load(arena, plan.span(t), plan.tensors[t]) for t in plan.outputs]


def _step(graph: Graph, plan: Plan, step: Step, arena: Array) -> None:
    values: list[Array | None] = []
    for index in step.op.inputs:
        tensor = graph.tensor(index) if index >= 0 else None
        constant = tensor is None or tensor.data is not None
        values.append(
            (tensor.data if tensor else None)
            if constant
            else _load(arena, plan.span(graph.storage(index)), plan.tensors[index])
        )
    results = OPS[step.op.code].evaluate(graph, step.op, values)
    for index, result in zip(step.op.outputs, results, strict=True):
        if (
            storage_of(plan.tensors, index) in step.operands.values()
        ):  # of several steps each writes some of the outputs
            _store(arena, plan.span(index), result)


def _poison(arena: Array, plan: Plan, number: int) -> None:
    alive = np.zeros(plan.arena_bytes, bool)
    for s in plan.spans:
        if s.tensor >= 0 and s.first <= number <= s.last:
            alive[s.offset : s.offset + s.bytes] = True
    arena[~alive] = _POISON


def _load(arena: Array, span: Span, tensor: Tensor) -> Array:
    return arena[span.offset : span.offset + span.bytes].view(tensor.dtype).reshape(tensor.shape).copy()


def _store(arena: Array, span: Span, value: Array) -> None:
    arena[span.offset : span.offset + span.bytes] = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
