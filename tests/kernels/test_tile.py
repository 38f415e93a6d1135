"""The convolution of the rv32 target on this machine: bytes of the reference, nothing written but output and scratch."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kernels import test_shipped as shipped
from tests.support import golden
from tests.support.kernels import GUARD, Case, arena_of, random_bytes
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import NativeLibrary, aligned_bytes
from tinymlaas.graph import Graph, Op
from tinymlaas.plan import Step
from tinymlaas.planfmt import VARIANTS
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.variants import tile_conv_2d

GRAPH = Graph("test", (), (), (), ())
OP = Op("TEST", 0, "test", (), (), None)


@cache
def library() -> NativeLibrary:
    """The core with the table of the rv32 target."""
    return NativeLibrary(build_hostlib("rv32"))


def tiled(case: Case, gaps: list[int]) -> Case | None:
    """The plain case with the constants, the scratch and the record of the variant; None where it does not apply."""
    f = case.fields
    weights_bytes = f["filter_h"] * f["filter_w"] * f["in_c"] * f["out_c"]
    constants = {"weights": case.constants[:weights_bytes], "channels": case.constants[f["channels"] :]}
    step = tile_conv_2d.VARIANTS[0].lower(GRAPH, OP, Step(case.op, OP, f, {}, constants), "rv32")
    return packed(case, step, gaps) if isinstance(step, Step) else None


def packed(case: Case, step: Step, gaps: list[int]) -> Case:
    f, rng, constants, places = case.fields, np.random.default_rng(1), b"", {}
    for name, data in step.constants.items():
        places[name] = len(constants)
        constants += data + bytes(-len(data) % 4)
    image = case.data[f["input"] :][: f["in_h"] * f["in_w"] * f["in_c"]]
    parts = [random_bytes(rng, step.scratch_bytes, "random"), image, bytes(case.output[1])]
    data, (scratch, source, target) = arena_of(rng, parts, [4 * gaps[0], *gaps[1:]])
    fields = (
        f | places | {"scratch": scratch, "scratch_bytes": step.scratch_bytes, "aux_bytes": len(step.constants["aux"])}
    )
    fields |= {"input": source, "output": target, "variant": VARIANTS["tile"]}
    written = ((target, case.output[1]), (scratch, step.scratch_bytes))
    return Case(case.op, fields, constants, data, written, (target, case.output[1]))


def run(case: Case) -> bytes:
    """The output; asserts that the check passes and that nothing else changed."""
    assert library().check(case.op, case.record, case.constants_array(), len(case.data)) == ""
    room = aligned_bytes(GUARD + len(case.data) + GUARD, 0xA5)
    arena = room[GUARD : GUARD + len(case.data)]
    arena[:] = np.frombuffer(case.data, np.uint8)
    before = room.copy()
    library().run_kernel("shipped", case.op, case.record, case.constants_array(), arena)
    output = arena[case.output[0] : sum(case.output)].tobytes()
    for offset, size in case.written:
        arena[offset : offset + size] = before[GUARD + offset : GUARD + offset + size]
    assert np.array_equal(room, before), "wrote outside its output and scratch"
    return output


@settings(max_examples=300, deadline=None, print_blob=True)
@given(data=st.data())
def test_equals_reference(data):
    case = data.draw(shipped.CASES["CONV_2D"])
    changed = tiled(case, data.draw(shipped.GAPS))
    assume(changed is not None)
    assert run(changed) == case.run("ref")


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=40))
def test_split_keeps_the_weights(weights):
    clipped, (rest,) = tile_conv_2d.split(np.array([weights]))
    assert np.abs(clipped.reshape(-1, 4)).sum(axis=1).max() <= 255
    for at, part in rest:
        assert abs(part) <= 127
        clipped[0, at] += part
    assert clipped[0, : len(weights)].tolist() == weights


def heavy_case() -> Case:
    """A convolution whose windows all give up weights."""
    y = shipped.Direction(5, 5, 3, 1, 1, 1)
    fields = shipped.window_fields(y, y, 4, 5) | {
        "in_zero_point": -1,
        "out_zero_point": 3,
        "act_min": -128,
        "act_max": 127,
    }
    sizes = (100, 3 * 3 * 4 * 5, 125, 36)
    case = tiled(shipped.weighted_case("CONV_2D", fields, sizes, 5, 1, [0, 0, 0], ("random", "max"), False), [0, 0, 0])
    assert case is not None
    return case


@pytest.mark.parametrize("word", [1, 3, 5, 6, -1])
def test_check_refuses_a_rest_that_leads_astray(word):
    case = heavy_case()
    constants = np.frombuffer(case.constants, "<u4").copy()
    constants[case.fields["aux"] // 4 + word if word > 0 else -1] = 0xFFFF
    damaged = replace(case, constants=constants.tobytes())
    assert library().check(case.op, case.record, damaged.constants_array(), len(case.data)) != ""


@pytest.mark.parametrize(
    ("field", "change"),
    [("aux_bytes", -4), ("scratch_bytes", -1), ("scratch", 2), ("weights", 1 << 20), ("in_c", 60000), ("out_h", -5)],
)
def test_check_refuses_what_does_not_fit(field, change):
    case = heavy_case()
    damaged = replace(case, fields=case.fields | {field: case.fields[field] + change})
    assert library().check(damaged.op, damaged.record, damaged.constants_array(), len(damaged.data)) != ""


@pytest.mark.parametrize("name", golden.SEVEN)
def test_models(name):
    golden.require()
    vectors = golden.vectors(name)
    compiled = compile_model(golden.model(name), name, "rv32")
    convolutions = [
        s for s in compiled.plan.steps if s.operator == "CONV_2D" and s.fields["out_h"] * s.fields["out_w"] >= 4
    ]
    assert not convolutions or any(s.variant == "tile" for s in convolutions)
    model = library().load(compiled.module)
    for value, expected in zip(vectors.inputs[:3], vectors.outputs, strict=False):
        assert np.array_equal(model.run([value])[0], expected)
