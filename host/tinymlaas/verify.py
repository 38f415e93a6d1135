"""Independent check of a plan: written without looking at the planner, and run after it every time."""

from __future__ import annotations

from .errors import PlanError
from .plan import Plan, Span
from .planfmt import ALIGN


def verify_plan(plan: Plan) -> None:
    """Raises PlanError when two values that are needed at the same time share a byte of the arena."""
    spans = {s.tensor: s for s in plan.spans if s.tensor >= 0}
    for span in plan.spans:
        _check_bounds(plan, span)
    _check_dataflow(plan, spans)


def _check_bounds(plan: Plan, span: Span) -> None:
    if span.offset < 0 or span.offset % ALIGN or span.offset + span.bytes > plan.arena_bytes:
        raise PlanError(f"{plan.name}: '{span.name}' at {span.offset}, {span.bytes} B, in an arena of {plan.arena_bytes} B")


def _check_dataflow(plan: Plan, spans: dict[int, Span]) -> None:
    """Plays the schedule: each byte of the arena knows which tensor wrote it last; a read must find its own."""
    owner: list[object] = [None] * plan.arena_bytes
    for tensor in plan.inputs:
        _write(owner, spans[tensor], tensor)
    for number, step in enumerate(plan.steps):
        reads = [t for name, t in step.operands.items() if name != "output"]
        for tensor in reads:
            _read(plan, owner, spans[tensor], tensor, f"step {number}")
        for span in plan.spans:
            if span.tensor < 0 and span.first == number:
                _write(owner, span, ("scratch", number))
        _write(owner, spans[step.operands["output"]], step.operands["output"])
        for tensor in reads:  # an operator may read its inputs until it has written its last output
            _read(plan, owner, spans[tensor], tensor, f"step {number}, while it writes")
    for tensor in plan.outputs:
        _read(plan, owner, spans[tensor], tensor, "the end")


def _write(owner: list[object], span: Span, tag: object) -> None:
    owner[span.offset : span.offset + span.bytes] = [tag] * span.bytes


def _read(plan: Plan, owner: list[object], span: Span, tag: object, where: str) -> None:
    wrong = [o for o in owner[span.offset : span.offset + span.bytes] if o != tag]
    if wrong:
        raise PlanError(f"{plan.name}: at {where}, {len(wrong)} of {span.bytes} B of '{span.name}' are overwritten by {wrong[0]!r}")
