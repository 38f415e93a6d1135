"""The m0plus kernels on this machine, where C models stand for the assembly: equal to the definition on random models."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import drawing, models
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas import variants
from tinymlaas.compile import Compiled, compile_model
from tinymlaas.ctypes_host import NativeLibrary
from tinymlaas.errors import ModuleError
from tinymlaas.evaluate import evaluate
from tinymlaas.planfmt import HEADER, record_layout
from tinymlaas.toolchain.hostlib import build_hostlib

_SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def _library() -> NativeLibrary:
    return NativeLibrary(build_hostlib("m0plus"))


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are small: take the kernel wherever it applies, not only where it pays."""
    free = tuple(replace(v, cost=lambda step, target: -1.0) for v in variants.VARIANTS)
    monkeypatch.setattr(variants, "VARIANTS", free)


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_equals_definition(op: str) -> None:
    used: Counter[str] = Counter()

    @_SETTINGS
    @given(models.SINGLE_OPS[op], st.integers(0, 2**32 - 1))
    def check(model: bytes, seed: int) -> None:
        compiled = compile_model(model, op, "m0plus")
        used[compiled.plan.steps[0].variant] += 1
        graph = compiled.graph
        inputs = [drawing.values(graph.tensor(t).shape, seed + i) for i, t in enumerate(graph.inputs)]
        np.testing.assert_array_equal(_library().load(compiled.module).run(inputs)[0], evaluate(graph, inputs)[0])

    check()
    if any(v.operator == op and "m0plus" in v.targets for v in variants.VARIANTS):
        assert used["swar"] > 0, "the examples hardly touch the kernel"


@_SETTINGS
@given(
    st.integers(3, 14),
    st.integers(1, 9),
    st.integers(2, 5),
    st.sampled_from([1, 2]),
    st.sampled_from(["SAME", "VALID"]),
    st.sampled_from([10, 40, 127]),
    st.integers(0, 2**32 - 1),
)
def test_depthwise_3x3(
    height: int, width: int, channels: int, stride: int, padding: str, spread: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    reach = 0 if padding == "SAME" else 2
    height, width = stride * (height - 1) + 1 + int(rng.integers(stride)) + reach, width + reach
    out_h, out_w = (-(-(n - reach) // stride) for n in (height, width))
    weights = rng.integers(-spread, spread + 1, (1, 3, 3, channels)).astype(np.int8)
    zero_point = int(rng.integers(-128, 128))
    tensors = [
        TensorSpec((1, height, width, channels), 0.5, zero_point),
        TensorSpec(weights.shape, 0.25, 0, data=weights, axis=3),
        TensorSpec((1, out_h, out_w, channels), float(np.float32(0.3 * spread)), -128),
    ]
    options = {"padding": int(padding == "VALID"), "strideH": stride, "strideW": stride, "depthMultiplier": 1}
    model = single_op("DEPTHWISE_CONV_2D", tensors, **options, dilationHFactor=1, dilationWFactor=1)
    compiled = compile_model(model, "depthwise", "m0plus")
    assert compiled.plan.steps[0].variant == "swar"
    image = drawing.values((1, height, width, channels), seed + 1)
    expected = evaluate(compiled.graph, [image])[0]
    np.testing.assert_array_equal(_library().load(compiled.module).run([image])[0], expected)


@_SETTINGS
@given(st.sampled_from([0.0, 0.05, 0.3]), st.booleans(), st.integers(0, 2**32 - 1))
def test_sparse_channels(density: float, linear: bool, seed: int) -> None:
    """Channels with few weights or none beside dense ones; with and without products of negative sums."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (5, 3, 3, 4)).astype(np.int8)
    weights[rng.random(weights.shape) >= density] = 0
    dense = int(rng.integers(5))
    weights[dense] = rng.integers(-128, 128, weights.shape[1:])
    tensors = [
        TensorSpec((1, 6, 5, 4), 0.5, int(rng.integers(-128, 128))),
        TensorSpec(weights.shape, 0.25, 0, data=weights, axis=0),
        TensorSpec((1, 6, 5, 5), 80.0 if linear else 60.0, 3 if linear else -128),
    ]
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    model = single_op("CONV_2D", tensors, **options)
    compiled = compile_model(model, "sparse", "m0plus")
    step = compiled.plan.steps[0]
    assert step.variant == "swar"
    if density == 0:
        assert len(step.constants["aux"]) // 4 < 1 + 5 * (1 + 9 + 1 + 5), "empty channels have words of weights"
    image = drawing.values((1, 6, 5, 4), seed + 1)
    expected = evaluate(compiled.graph, [image])[0]
    np.testing.assert_array_equal(_library().load(compiled.module).run([image])[0], expected)


def test_wrong_flags_are_refused() -> None:
    """A stream that ends too early or too late, or says that there are no weights."""
    compiled = _digits()
    for flags in (1 << 9, 1 << 10):
        with pytest.raises(ModuleError):
            _library().load(_damaged(compiled, 0, flags))


def _digits() -> Compiled:
    from tests.support.golden import digits

    return compile_model(digits().data, "digits", "m0plus")


def _damaged(compiled: Compiled, position: int, word: int) -> bytes:
    """The module with one word of the first SWAR record's stream replaced; positions count words from its start."""
    header = HEADER.unpack(compiled.module)
    number = next(i for i, s in enumerate(compiled.plan.steps) if s.variant == "swar")
    record = record_layout(compiled.plan.steps[number].operator)
    at = record.unpack(compiled.module, header["records_offset"] + 64 * number)["aux"] + 4 * position
    return compiled.module[:at] + word.to_bytes(4, "little") + compiled.module[at + 4 :]


def test_rest_outside_the_lanes_is_refused() -> None:
    compiled = _digits()
    f = next(s.fields for s in compiled.plan.steps if s.variant == "swar")
    words = -(-f["filter_h"] * f["filter_w"] * f["in_c"] // 4)
    _library().load(compiled.module)
    for rest in (4, 8, 1 << 20, 0xFFFFFFF8):
        with pytest.raises(ModuleError, match="constants"):
            _library().load(_damaged(compiled, words + 2, rest))
