"""FULLY_CONNECTED for m0plus: what its packer claims, and its kernel with C models for assembly."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kernels import test_shipped as shipped
from tests.kernels.test_dsp import GRAPH, OP, packed, weights_bytes
from tests.support import drawing
from tests.support.kernels import GUARD, Case
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import NativeLibrary, aligned_bytes
from tinymlaas.evaluate import evaluate
from tinymlaas.plan import Step
from tinymlaas.planfmt import VARIANTS
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.variants import swar_fully_connected as packer

BLOCK, CHUNK = 128, 320  # rows, inputs
SIZES = [(2, 1), (5, 7), (4, CHUNK - 1), (3, CHUNK + 1), (BLOCK, 9), (BLOCK + 1, 33), (2 * BLOCK + 6, 2 * CHUNK + 3)]


@cache
def library() -> NativeLibrary:
    """The core with the table of the m0plus target."""
    return NativeLibrary(build_hostlib("m0plus"))


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    rows, inputs = draw(st.sampled_from(SIZES) | st.tuples(st.integers(2, 40), st.integers(1, 90)))
    spread = draw(st.sampled_from([3, 20, 128]))
    rng = np.random.default_rng(draw(shipped.SEEDS))
    return rng.integers(-spread, spread, (rows, inputs)).astype(np.int8)


@settings(max_examples=60, deadline=None)
@given(weights=matrices())
def test_windows_hold_and_nothing_is_lost(weights: np.ndarray) -> None:
    layer, (rows, inputs) = packer.split(weights), weights.shape
    at = 0
    for length in (2 * steps for chunk in layer.chunks for steps in chunk):
        assert 2 <= length <= 32
        assert np.abs(layer.weights[:, at : at + length]).sum(axis=1).max() <= 255
        at += length
    assert at == layer.weights.shape[1] == inputs + inputs % 2
    assert max(2 * sum(chunk) for chunk in layer.chunks) <= CHUNK
    whole = layer.weights.copy()
    for row, source, weight in layer.rest:
        assert abs(weight) <= 127
        whole[row, source] += weight
    assert np.array_equal(whole[:rows, :inputs], weights)
    assert not whole[rows:].any()
    assert not whole[:, inputs:].any()


def test_words_hold_two_weights_of_two_rows() -> None:
    weights = np.arange(-20, 20).reshape(5, 8)
    words = np.frombuffer(packer.weight_words(packer.split(weights)), np.uint8).reshape(2, 4, 2, 2, 2)
    group, step, pair, row, column = np.indices(words.shape)
    expected = np.pad(weights, ((0, 3), (0, 0)))[4 * group + 2 * pair + row, 2 * step + column] + 128
    assert np.array_equal(words, expected)


def model_of(weights: np.ndarray, batch: int, seed: int) -> bytes:
    """A layer with scales per row or for all, zero points of any kind, with or without ties of negative sums."""
    rng = np.random.default_rng(seed)
    (rows, inputs), per_row = weights.shape, seed % 2 == 0
    scales = rng.uniform(0.005, 0.02, rows).astype(np.float32).tolist() if per_row else 0.01
    reach = float(np.abs(weights.astype(int)).sum(axis=1).max()) / np.sqrt(inputs)
    tensors = [
        TensorSpec((batch, inputs), 0.5, int(rng.integers(-128, 128))),
        TensorSpec((rows, inputs), scales, [0] * rows if per_row else 0, data=weights, axis=0),
        TensorSpec((batch, rows), float(np.float32(0.01 * max(reach, 1))), int(rng.choice([-128, -3, 40]))),
    ]
    return single_op("FULLY_CONNECTED", tensors, fusedActivationFunction=0, keepNumDims=False)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", SIZES)
def test_equals_definition(size: tuple[int, int], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinymlaas.variants.plain.cost", lambda step, target: np.inf)
    rng, batch = np.random.default_rng(seed), 1 + seed // 2
    spread = [4, 30, 128, 128][seed]
    weights = rng.integers(-spread, spread, size).astype(np.int8)
    compiled = compile_model(model_of(weights, batch, seed), "layer", "m0plus")
    assert compiled.plan.steps[0].variant == "swar"
    model = library().load(compiled.module)
    for value in (drawing.values((batch, size[1]), seed), np.full((batch, size[1]), -128, np.int8)):
        np.testing.assert_array_equal(model.run([value])[0], evaluate(compiled.graph, [value])[0])


def lowered(case: Case) -> Step | None:
    """The step that the planner would make of a plain record, when the kernel applies."""
    constants = {
        "weights": case.constants[: weights_bytes(case)],
        "channels": case.constants[case.fields["channels"] :],
    }
    step = Step(case.op, OP, case.fields, {}, constants, outputs=case.output[1])
    found = packer.VARIANTS[0].lower(GRAPH, OP, step, "m0plus")
    return found if isinstance(found, Step) else None


def record(case: Case, gaps: list[int]) -> Case | None:
    """The same call as the kernel takes it."""
    step = lowered(case)
    if step is None:
        return None
    changed = packed(case, step, gaps)
    return replace(changed, fields=changed.fields | {"variant": VARIANTS["swar"]})


def check(case: Case) -> str:
    """The message of the load-time check."""
    return library().check(case.op, case.record, case.constants_array(), len(case.data))


@settings(max_examples=200, deadline=None, print_blob=True)
@given(data=st.data())
def test_writes_output_and_scratch_alone(data: st.DataObject) -> None:
    plain = data.draw(shipped.CASES["FULLY_CONNECTED"])
    case = record(plain, data.draw(shipped.GAPS))
    assume(case is not None)
    assert check(case) == ""
    room = aligned_bytes(GUARD + len(case.data) + GUARD, 0xA5)
    arena = room[GUARD : GUARD + len(case.data)]
    arena[:] = np.frombuffer(case.data, np.uint8)
    before = room.copy()
    library().run_kernel("shipped", case.op, case.record, case.constants_array(), arena)
    assert arena[case.output[0] : sum(case.output)].tobytes() == plain.run("ref")
    for offset, size in case.written:
        arena[offset : offset + size] = before[GUARD + offset : GUARD + offset + size]
    assert np.array_equal(room, before)


def small_case() -> Case:
    """Six rows of nine inputs, with a rest."""
    fields = {"rows": 2, "in_features": 9, "out_features": 6, "in_zero_point": 3, "out_zero_point": -1}
    fields |= {"act_min": -128, "act_max": 127}
    kinds = ("random", "min")
    plain = shipped.weighted_case("FULLY_CONNECTED", fields, (18, 54, 12, 0), 6, 5, [0, 0, 0], kinds, False)
    case = record(plain, [0, 0, 0])
    assert case is not None
    return case


WRONG = [("aux_bytes", -1), ("scratch_bytes", -4), ("scratch", 2), ("weights", 1 << 20), ("channels", 1 << 20)]
WRONG += [("in_features", 2), ("in_features", 1 << 17), ("out_features", 130), ("input", 1 << 20), ("rows", 1 << 20)]


@pytest.mark.parametrize(("field", "change"), WRONG)
def test_check_refuses_what_does_not_fit(field: str, change: int) -> None:
    case = small_case()
    assert check(case) == ""
    assert check(replace(case, fields=case.fields | {field: case.fields[field] + change})) != ""


def damaged(case: Case, word: int, value: int) -> Case:
    """One word of ``aux`` replaced, counted from its start."""
    words = np.frombuffer(case.constants + bytes(-len(case.constants) % 4), "<u4").copy()
    words[case.fields["aux"] // 4 + word] = value
    return replace(case, constants=words.tobytes())


def test_check_refuses_damaged_streams() -> None:
    case = small_case()
    words = np.frombuffer(case.constants[: len(case.constants) // 4 * 4], "<u4")[case.fields["aux"] // 4 :]
    scales, rest, chunks, windows = (int(n) for n in words[:4])
    first_rest = 4 + 3 * 6
    assert (scales, rest > 3, chunks, windows > 1) == (0, True, 1, True)
    assert check(damaged(case, 1, rest)) == ""
    for word, values in {
        0: (1, 1 << 30),
        1: (0, rest + 1, 0xFFFFFFFF),
        2: (0, 2, 0xFFFFFFFF),
        3: (0, windows - 1, windows + 1, 0xFFFFFFFF),
        4 + 2: (31, 0x80000000),
        first_rest: (rest - 2, rest, 0xFFFFFFFF),
        first_rest + 1: (9, 6 << 24, 0xFF000000),
        first_rest + rest: (0, 0x11111111, 0x81818181, 0xFFFFFFFF),
    }.items():
        for value in values:
            assert check(damaged(case, word, value)) != "", (word, value)
