"""The memory plan against random lifetimes, and the independent verifier against broken plans."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymlaas import memory
from tinymlaas.errors import PlanError
from tinymlaas.graph import Op, Tensor
from tinymlaas.plan import Plan, Span, Step
from tinymlaas.schedule import lifetimes
from tinymlaas.verify import verify_plan


@st.composite
def spans(draw):
    out = []
    for i in range(draw(st.integers(1, 14))):
        first = draw(st.integers(0, 12))
        last = first + draw(st.integers(0, 6))
        out.append(Span(f"t{i}", draw(st.integers(1, 500)), first, last, tensor=i))
    return out


@settings(max_examples=300, deadline=None)
@given(spans())
def test_no_two_live_spans_share_a_byte(some):
    placed, size = memory.assign(some)
    assert sorted(s.name for s in placed) == sorted(s.name for s in some)
    assert size >= memory.live_bytes(some, scratch=True)
    for i, a in enumerate(placed):
        assert a.offset % 16 == 0
        assert a.offset + a.bytes <= size
        for b in placed[:i]:
            if memory.overlap_in_time(a, b):
                assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=2, max_size=20))
def test_a_chain_meets_the_lower_bound(sizes):
    chain = [Span(f"t{i}", 16 * n, max(i - 1, 0), i, tensor=i) for i, n in enumerate(sizes)]
    _, size = memory.assign(chain)
    assert size == memory.live_bytes(chain, scratch=True)


def _plan(*offsets: int) -> Plan:
    """a → b → c, 32 bytes each."""
    tensors = tuple(Tensor(name, (32,), "int8") for name in "abc")
    steps = tuple(
        Step("COPY", Op("RESHAPE", "copy", i, (i,), (i + 1,), None), {"count": 32}, {"input": i, "output": i + 1})
        for i in range(2)
    )
    alive = sorted(lifetimes(steps, tensors, (0,), (2,)), key=lambda s: s.tensor)
    placed = tuple(replace(s, offset=o) for s, o in zip(alive, offsets, strict=True))
    return Plan("chain", "any", tensors, (0,), (2,), steps, placed, 64, 64, {})


def test_verifier_accepts_a_sound_plan():
    verify_plan(_plan(0, 32, 0))


@pytest.mark.parametrize("offsets", [(0, 0, 32), (0, 16, 0), (0, 32, 32)])
def test_verifier_finds_overlapping_operands(offsets):
    with pytest.raises(PlanError, match="overwritten"):
        verify_plan(_plan(*offsets))


@pytest.mark.parametrize("offsets", [(0, 48, 0), (0, 32, 8), (-16, 32, 0)])
def test_verifier_finds_a_span_outside_or_misaligned(offsets):
    with pytest.raises(PlanError, match="in an arena of 64 B"):
        verify_plan(_plan(*offsets))
