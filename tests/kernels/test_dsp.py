"""The kernels with DSP instructions, through their C models: bytes of the reference, nothing written but output and scratch."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kernels import test_shipped as shipped
from tests.support.kernels import GUARD, Case, arena_of, random_bytes
from tinymlaas.ctypes_host import NativeLibrary, aligned_bytes
from tinymlaas.graph import Graph, Op
from tinymlaas.plan import Step
from tinymlaas.planfmt import CHANNEL, OPERATORS, VARIANTS
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.variants import dsp

GRAPH = Graph("test", (), (), (), ())
OP = Op("TEST", 0, "test", (), (), None)


@cache
def library() -> NativeLibrary:
    """The core with the table of the m4 target."""
    return NativeLibrary(build_hostlib("m4"))


def lowered(case: Case, weights_bytes: int) -> Step | None:
    """The step that the planner would make of a plain record, when the kernel applies."""
    constants = {"weights": case.constants[:weights_bytes], "channels": case.constants[case.fields["channels"] :]}
    step = Step(case.op, OP, case.fields, {}, constants, outputs=case.output[1])
    variant = next(v for v in dsp.VARIANTS if v.operator == case.op)
    step = variant.lower(GRAPH, OP, step, "m4")
    return step if isinstance(step, Step) else None  # else the reason why not


def packed(case: Case, step: Step, gaps: list[int]) -> Case:
    """The same call with the step's constants and scratch."""
    rng = np.random.default_rng(1)
    constants, places = b"", {}
    for name, data in step.constants.items():
        places[name] = len(constants)
        constants += data + bytes(-len(data) % 4)
    source, (target, size) = case.fields["input"], case.output
    in_bytes = len(case.data) - source if source > target else target - source
    parts = [random_bytes(rng, step.scratch_bytes, "random"), case.data[source : source + in_bytes], bytes(size)]
    data, (scratch, at_input, at_output) = arena_of(rng, parts, [4 * gaps[0], *gaps[1:]])
    fields = {k: v for k, v in step.fields.items() if k not in ("weights", "channels")} | places
    fields |= {"scratch": scratch, "scratch_bytes": step.scratch_bytes, "aux_bytes": len(step.constants["aux"])}
    fields |= {"input": at_input, "output": at_output, "variant": VARIANTS["dsp"], "op": OPERATORS[step.operator][0]}
    written = ((at_output, size), (scratch, step.scratch_bytes))
    return Case(step.operator, fields, constants, data, written, (at_output, size))


def run(case: Case) -> bytes:
    """The output; asserts that the load-time check passes and that nothing else changed."""
    lib, constants = library(), case.constants_array()
    assert lib.check(case.op, case.record, constants, len(case.data)) == ""
    room = aligned_bytes(GUARD + len(case.data) + GUARD, 0xA5)
    arena = room[GUARD : GUARD + len(case.data)]
    arena[:] = np.frombuffer(case.data, np.uint8)
    before = room.copy()
    lib.run_kernel("shipped", case.op, case.record, constants, arena)
    output = arena[case.output[0] : sum(case.output)].tobytes()
    for offset, size in case.written:
        arena[offset : offset + size] = before[GUARD + offset : GUARD + offset + size]
    assert np.array_equal(room, before), "wrote outside its output and scratch"
    return output


def weights_bytes(case: Case) -> int:
    f = case.fields
    if case.op == "FULLY_CONNECTED":
        return f["in_features"] * f["out_features"]
    per_channel = f["in_c"] if case.op == "CONV_2D" else 1
    return f["filter_h"] * f["filter_w"] * f["out_c"] * per_channel


@st.composite
def sides(draw, stride):
    """One direction of a 3 x 3 window."""
    size, pad = draw(st.integers(1, 13)), draw(st.integers(0, 2))
    out = draw(st.integers(1, min(9, (size + pad - 1) // stride + 1)))
    return shipped.Direction(size, out, 3, pad, stride, 1)


@st.composite
def planes(draw):
    """Depthwise 3 x 3 as the kernel takes it, and now and then with one input channel, which becomes a CONV_2D."""
    stride = draw(st.integers(1, 2))
    y, x = draw(sides(stride)), draw(sides(stride))
    in_c = draw(st.sampled_from([4, 8, 12, 1]))
    out_c = in_c if in_c > 1 else draw(st.integers(1, 9))
    fields = shipped.window_fields(y, x, in_c, out_c) | draw(shipped.ranges())
    sizes = (y.size * x.size * in_c, 9 * out_c, y.out * x.out * out_c, 6 * out_c)
    kinds = (draw(shipped.KINDS), draw(shipped.KINDS))
    return shipped.weighted_case(
        "DEPTHWISE_CONV_2D", fields, sizes, out_c, draw(shipped.SEEDS), draw(shipped.GAPS), kinds, False
    )


CASES = {
    "CONV_2D": shipped.CASES["CONV_2D"],
    "DEPTHWISE_CONV_2D": planes(),
    "FULLY_CONNECTED": shipped.CASES["FULLY_CONNECTED"],
}


@pytest.mark.parametrize("op", CASES)
@settings(max_examples=200, deadline=None, print_blob=True)
@given(data=st.data())
def test_equals_reference(op, data):
    case = data.draw(CASES[op])
    step = lowered(case, weights_bytes(case))
    assume(step is not None)
    assert run(packed(case, step, data.draw(shipped.GAPS))) == case.run("ref")


@pytest.mark.parametrize("shift", [-1, 32])
def test_check_refuses_shifts(shift):
    case = small_case()
    stream = np.frombuffer(case.constants, "<i4").copy()
    stream[case.fields["aux"] // 4 + 3] = shift
    damaged = replace(case, constants=stream.tobytes())
    assert "out of range" in library().check(case.op, case.record, damaged.constants_array(), len(case.data))


@pytest.mark.parametrize(
    ("field", "change"),
    [("aux_bytes", -16), ("scratch_bytes", -1), ("scratch", 2), ("weights", 1 << 20), ("in_c", 60000)],
)
def test_check_refuses_what_does_not_fit(field, change):
    case = small_case()
    damaged = replace(case, fields=case.fields | {field: case.fields[field] + change})
    assert library().check(damaged.op, damaged.record, damaged.constants_array(), len(damaged.data)) != ""


def small_plain(bias: int | None = None, shift: int = -8) -> Case:
    """A small convolution; with one bias and shift for all channels when they are given."""
    y = shipped.Direction(5, 5, 3, 1, 1, 1)
    fields = shipped.window_fields(y, y, 4, 6)
    fields |= {"in_zero_point": -1, "out_zero_point": 3, "act_min": -128, "act_max": 127}
    case = shipped.weighted_case("CONV_2D", fields, (100, 216, 150, 36), 6, 1, [0, 0, 0], ("random", "max"), False)
    if bias is None:
        return case
    stream = CHANNEL.pack({"bias": bias, "multiplier": 2**30 + 12345, "shift": shift}) * 6
    return replace(case, constants=case.constants[:216] + stream)


def small_case() -> Case:
    """The same as the kernel takes it."""
    case = small_plain()
    step = lowered(case, 216)
    assert step is not None
    return packed(case, step, [0, 0, 0])


def test_strips_of_rows_meet():
    y, x = shipped.Direction(9, 9, 3, 1, 1, 1), shipped.Direction(11, 11, 3, 1, 1, 1)
    fields = shipped.window_fields(y, x, 4, 4)
    fields |= {"in_zero_point": 5, "out_zero_point": -128, "act_min": -100, "act_max": 90}
    case = shipped.weighted_case(
        "DEPTHWISE_CONV_2D", fields, (396, 36, 396, 24), 4, 3, [0, 0, 0], ("random", "random"), False
    )
    step = lowered(case, 36)
    row_bytes = 7 * 16  # two blocks of four outputs read seven words
    for scratch_bytes in (3 * row_bytes, 4 * row_bytes, step.scratch_bytes):
        assert run(packed(case, replace(step, scratch_bytes=scratch_bytes), [0, 0, 0])) == case.run("ref")


def test_channels_that_are_dead_are_constant():
    case = small_plain(bias=2**30, shift=-28)
    assert run(packed(case, lowered(case, 216), [0, 0, 0])) == case.run("ref")


@pytest.mark.parametrize("shift", [0, 1])
def test_multipliers_that_do_not_round_twice_are_left_to_the_plain_kernel(shift):
    assert lowered(small_plain(0, shift), 216) is None


@st.composite
def additions(draw):
    """ADD as TFLite makes it: one input has the multiplier one half; now and then something else."""
    case = draw(shipped.CASES["ADD"])
    half = draw(
        st.sampled_from([("multiplier1", "shift1"), ("multiplier2", "shift2"), ("out_multiplier", "out_shift")])
    )
    return replace(case, fields=case.fields | {half[0]: 2**30, half[1]: 0})


@settings(max_examples=200, deadline=None, print_blob=True)
@given(case=additions())
def test_add_equals_reference(case):
    assert run(case) == case.run("ref")


@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@settings(max_examples=200, deadline=None, print_blob=True)
@given(data=st.data())
def test_pools_equal_reference(op, data):
    case = data.draw(shipped.CASES[op])
    assert run(case) == case.run("ref")
