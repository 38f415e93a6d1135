"""What a kernel variant offers to the planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..graph import Graph, Op
from ..plan import Step


@dataclass(frozen=True, slots=True)
class Variant:
    """A kernel that some targets have for an operator, with a constant layout of its own.

    number: the record's ``variant`` field, a value of ``planfmt.VARIANTS``.
    lower: (graph, op, plain step, target) → the step for this kernel, or None where the kernel does not apply or a bound it
    relies on cannot be proven for these weights.
    cost: (step, target) → predicted cycles (instructions on QEMU targets) of the whole layer; checked against measurement.
    """

    name: str
    operator: str
    targets: frozenset[str]
    lower: Callable[[Graph, Op, Step, str], Step | None]
    cost: Callable[[Step, str], float]
