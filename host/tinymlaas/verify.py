"""Independent check of a plan: written without looking at the planner, and run after it every time."""

from __future__ import annotations

import numpy as np

from .errors import PlanError
from .graph import Array
from .plan import Plan, Span
from .planfmt import ALIGN

_NOBODY = -2  # -1: a scratch


def verify_plan(plan: Plan) -> None:
    """Raises PlanError when two values that are needed at the same time share a byte of the arena."""
    for span in plan.spans:
        _check_bounds(plan, span)
    _check_dataflow(plan)


def _check_bounds(plan: Plan, span: Span) -> None:
    if span.offset < 0 or span.offset % ALIGN or span.offset + span.bytes > plan.arena_bytes:
        raise PlanError(
            f"{plan.name}: '{span.name}' at {span.offset}, {span.bytes} B, in an arena of {plan.arena_bytes} B"
        )


def _check_dataflow(plan: Plan) -> None:
    """Plays the schedule: each byte of the arena knows which tensor wrote it last; a read must find its own."""
    owner = np.full(plan.arena_bytes, _NOBODY, np.int32)
    for tensor in (*plan.inputs, *(s.read for s in plan.states)):
        _write(owner, plan.span(tensor))
    scratch = {s.first: s for s in plan.spans if s.tensor < 0}
    for number, step in enumerate(plan.steps):
        reads = [plan.span(t) for name, t in step.operands.items() if name != "output"]
        for span in reads:
            _read(plan, owner, span, f"step {number}")
        if number in scratch:
            _write(owner, scratch[number])
        _write(owner, plan.span(step.operands["output"]))
        for span in reads:  # an operator may read its inputs until it has written its last output
            _read(plan, owner, span, f"step {number}, while it writes")
    for tensor in (*plan.outputs, *(s.read for s in plan.states)):
        _read(plan, owner, plan.span(tensor), "the end")


def _write(owner: Array, span: Span) -> None:
    owner[span.offset : span.offset + span.bytes] = span.tensor


def _read(plan: Plan, owner: Array, span: Span, where: str) -> None:
    found = owner[span.offset : span.offset + span.bytes]
    wrong = found[found != span.tensor]
    if wrong.size:
        raise PlanError(
            f"{plan.name}: at {where}, {wrong.size} of {span.bytes} B of '{span.name}' are overwritten by {wrong[0]}"
        )
