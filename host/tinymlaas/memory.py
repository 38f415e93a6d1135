"""Memory plan: one arena, every span at a fixed offset, spans that are alive together apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from .plan import Span
from .planfmt import ALIGN

_TRIES = 200  # reorderings after the heuristics; the lower bound is met before the first on most networks
_COMPARISONS = 20_000_000  # of spans: with hundreds of them all tries, with thousands a few


def aligned(size: int, to: int = ALIGN) -> int:
    """``size`` rounded up to a multiple of ``to``."""
    return -(-size // to) * to


def overlap_in_time(a: Span, b: Span) -> bool:
    """Whether two spans are alive at a common step."""
    return a.first <= b.last and b.first <= a.last


def live_bytes(spans: Sequence[Span], *, scratch: bool) -> int:
    """Largest sum of sizes alive at one step: no plan without overlapping operands can be smaller."""
    counted = [s for s in spans if scratch or s.tensor >= 0]
    changes = Counter[int]()
    for s in counted:
        changes[s.first] += s.bytes
        changes[s.last + 1] -= s.bytes
    return max(accumulate(changes[n] for n in sorted(changes)), default=0)


def assign(spans: Sequence[Span]) -> tuple[tuple[Span, ...], int]:
    """Offsets for all spans and the arena size in bytes; deterministic.

    Best fit in several orders, then orders in which the span that ended highest goes first, until the lower bound is met.
    """
    bound = live_bytes([replace(s, bytes=aligned(s.bytes)) for s in spans], scratch=True)
    best: tuple[Span, ...] = ()
    for order in _orders(spans):
        placed = _place(order)
        if not best or arena_size(placed) < arena_size(best):
            best = placed
        if arena_size(best) <= bound:
            break
    return best, arena_size(best)


def assign_behind(spans: Sequence[Span], states: Sequence[int]) -> tuple[tuple[Span, ...], int, int]:
    """Offsets with the states one after the other at the start of the arena; the arena's size, and the states', in bytes."""
    kept, at = [], 0
    for span in (s for s in spans if s.tensor in states):
        kept.append(replace(span, offset=at))
        at += aligned(span.bytes)
    placed, size = assign([s for s in spans if s.tensor not in states])
    return (*kept, *(replace(s, offset=s.offset + at) for s in placed)), size + at, at


def arena_size(spans: Sequence[Span]) -> int:
    """End of the highest span, a multiple of 16."""
    return max((s.offset + aligned(s.bytes) for s in spans), default=0)


def _orders(spans: Sequence[Span]) -> Iterator[list[Span]]:
    yield sorted(spans, key=lambda s: (-s.bytes, s.first))
    yield sorted(spans, key=lambda s: (-s.bytes * (s.last - s.first + 1), s.first))
    yield sorted(spans, key=lambda s: (s.first, -s.bytes))
    order = sorted(spans, key=lambda s: (-s.bytes, s.first))
    for _ in range(min(_TRIES, _COMPARISONS // max(1, len(order) ** 2))):
        placed = {(s.name, s.first, s.tensor): s for s in _place(order)}
        top = max(order, key=lambda s: placed[s.name, s.first, s.tensor].offset + s.bytes)
        if order[0] is top:
            return
        order = [top, *(s for s in order if s is not top)]
        yield order


def _place(order: Sequence[Span]) -> tuple[Span, ...]:
    placed: list[Span] = []
    for span in order:
        placed.append(replace(span, offset=_lowest_gap(span, placed)))
    return tuple(placed)


def _lowest_gap(span: Span, placed: Sequence[Span]) -> int:
    """Offset of the smallest gap that holds the span, else the end of what is in the way."""
    size, at, best = aligned(span.bytes), 0, (1 << 62, 0)
    for other in sorted((p for p in placed if overlap_in_time(p, span)), key=lambda p: p.offset):
        if at + size <= other.offset:
            best = min(best, (other.offset - at, at))
        at = max(at, other.offset + aligned(other.bytes))
    return best[1] if best[0] < 1 << 62 else at
