"""What a kernel variant offers to the planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..graph import Graph, Op
from ..plan import Step
from .costs import Counts


@dataclass(frozen=True, slots=True)
class Variant:
    """A kernel that some targets have for an operator, with a constant layout of its own.

    number: the record's ``variant`` field, a value of ``planfmt.VARIANTS``.
    lower: (graph, op, plain step, target) → the step for this kernel, or the reason why not: the kernel does not apply, or a bound
    it relies on cannot be proven for these weights. None is a refusal without a reason.
    cost: (step, target) → predicted cycles (executed instructions for QEMU's targets) of the whole layer; checked against
    measurement (``python -m tinymlaas.costs``). It may look at operator, fields, MACs, outputs and the bytes of ``aux``: what is
    known of a record in a finished module too.
    counts: (step) → what ``cost`` multiplies with its part of ``costs.toml``; None where a variant's file holds costs of its own.
    """

    name: str
    operator: str
    targets: frozenset[str]
    lower: Callable[[Graph, Op, Step, str], Step | str | None]
    cost: Callable[[Step, str], float]
    counts: Callable[[Step], Counts] | None = None
