"""Order of execution and lifetimes."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Tensor, storage_of
from .plan import Span, Step


def lifetimes(
    steps: Sequence[Step],
    tensors: Sequence[Tensor],
    inputs: Sequence[int],
    outputs: Sequence[int],
    states: Sequence[int] = (),
) -> list[Span]:
    """When each activation and each scratch is alive, by step number.

    ``states``: tensors that stay alive between runs.

    Inputs are alive from before the first step (the app writes them there), outputs until after the last (the app reads them).
    What an operator of several steps reads stays alive until the last of them.
    """
    owned = [storage_of(tensors, t) for t in (*states, *inputs)]
    first, last = dict.fromkeys(owned, 0), dict.fromkeys(owned, 0)
    ends = {id(step.op): number for number, step in enumerate(steps)}
    for number, step in enumerate(steps):
        for tensor in (storage_of(tensors, t) for t in step.operands.values()):
            first.setdefault(tensor, number)
            last[tensor] = ends[id(step.op)]
    for tensor in (storage_of(tensors, t) for t in (*states, *outputs)):
        first.setdefault(tensor, 0)
        last[tensor] = len(steps)
    spans = [Span(tensors[t].name, tensors[t].bytes, first[t], last[t], tensor=t) for t in first]
    scratch = [Span(f"scratch of {s.op.name}", s.scratch_bytes, n, n) for n, s in enumerate(steps) if s.scratch_bytes]
    return spans + scratch
