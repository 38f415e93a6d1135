"""Independent check of a plan: written without looking at the planner, and run after it every time."""

from __future__ import annotations

from .errors import PlanError
from .plan import Plan, Span
from .planfmt import ALIGN


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
    owner: list[object] = [None] * plan.arena_bytes
    for tensor in (*plan.inputs, *(s.read for s in plan.states)):
        _write(owner, plan.span(tensor))
    for number, step in enumerate(plan.steps):
        reads = [plan.span(t) for name, t in step.operands.items() if name != "output"]
        for span in reads:
            _read(plan, owner, span, f"step {number}")
        for span in plan.spans:
            if span.tensor < 0 and span.first == number:
                _write(owner, span)
        _write(owner, plan.span(step.operands["output"]))
        for span in reads:  # an operator may read its inputs until it has written its last output
            _read(plan, owner, span, f"step {number}, while it writes")
    for tensor in (*plan.outputs, *(s.read for s in plan.states)):
        _read(plan, owner, plan.span(tensor), "the end")


def _write(owner: list[object], span: Span) -> None:
    owner[span.offset : span.offset + span.bytes] = (
        [span.name] * span.bytes if span.tensor < 0 else [span.tensor] * span.bytes
    )


def _read(plan: Plan, owner: list[object], span: Span, where: str) -> None:
    wrong = [o for o in owner[span.offset : span.offset + span.bytes] if o != span.tensor]
    if wrong:
        raise PlanError(
            f"{plan.name}: at {where}, {len(wrong)} of {span.bytes} B of '{span.name}' are overwritten by {wrong[0]!r}"
        )
