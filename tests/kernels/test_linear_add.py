"""ADD as a linear function: exact for every pair of inputs, and the kernel on random models."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import drawing, models
from tinymlaas import quant as q
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import NativeLibrary
from tinymlaas.evaluate import evaluate
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.variants.linear_add import linear

_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
_BYTES = np.arange(-128, 128)


@cache
def _library() -> NativeLibrary:
    return NativeLibrary(build_hostlib("m0plus"))


def _fields(ratio: float, gain: float, zero_points: tuple[int, int, int], limits: tuple[int, int]) -> dict[str, int]:
    """Of a record, for input scales 1 and ``ratio`` and an output scale of 1 / ``gain``."""
    common = 2.0 * max(1.0, ratio)
    scales = [q.quantize_multiplier(r) for r in (1.0 / common, ratio / common, common * gain / (1 << 20))]
    fields = dict(zip(("in_zero_point", "in2_zero_point", "out_zero_point"), zero_points, strict=True))
    fields |= {"act_min": limits[0], "act_max": limits[1]}
    for suffix, (multiplier, shift) in zip(("1", "2"), scales, strict=False):
        fields |= {f"multiplier{suffix}": multiplier, f"shift{suffix}": shift}
    return fields | {"out_multiplier": scales[2][0], "out_shift": scales[2][1]}


@_SETTINGS
@given(
    st.floats(0.1, 10),
    st.floats(0.05, 1.2),
    st.tuples(*[st.integers(-128, 127)] * 3),
    st.sampled_from([(-128, 127), (-128, 40), (-5, 100), (7, 7)]),
)
def test_all_pairs_are_exact(
    ratio: float, gain: float, zero_points: tuple[int, int, int], limits: tuple[int, int]
) -> None:
    f = _fields(ratio, gain, zero_points, limits)
    found = linear(f)
    if found is None:
        return  # the planner keeps the plain kernel
    first, second = (
        q.multiply_by_quantized_multiplier(_BYTES - f[f"in{n}_zero_point"] << 20, f[f"multiplier{i}"], f[f"shift{i}"])
        for n, i in (("", 1), ("2", 2))
    )
    expected = q.requantize(
        first[:, None] + second, f["out_multiplier"], f["out_shift"], f["out_zero_point"], limits
    ).astype(np.int64)
    sums = (found[0] * _BYTES[:, None] + found[1] * _BYTES + found[2]) & 0xFFFFFFFF
    device = np.clip((sums >> 22) - 384, 0, limits[1] - limits[0]) + limits[0]
    np.testing.assert_array_equal(device, expected)


def test_usual_scales_are_provable() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        ratio, gain = rng.uniform(0.3, 3), rng.uniform(0.3, 0.6)
        zero_points = tuple(int(z) for z in rng.integers(-128, 0, 3))
        assert linear(_fields(ratio, gain, zero_points, (-128, 127))) is not None


def test_sums_beyond_32_bits_are_refused() -> None:
    assert linear(_fields(1.0, 6.0, (0, 0, 0), (-128, 127))) is None


def test_kernel_equals_definition() -> None:
    used: Counter[str] = Counter()

    @_SETTINGS
    @given(models.SINGLE_OPS["ADD"], st.integers(0, 2**32 - 1))
    def check(model: bytes, seed: int) -> None:
        compiled = compile_model(model, "add", "m0plus")
        used[compiled.plan.steps[0].variant] += 1
        graph = compiled.graph
        inputs = [drawing.values(graph.tensor(t).shape, seed + i) for i, t in enumerate(graph.inputs)]
        np.testing.assert_array_equal(_library().load(compiled.module).run(inputs)[0], evaluate(graph, inputs)[0])

    check()
    assert used["linear"] > 0, "the examples hardly touch the kernel"
