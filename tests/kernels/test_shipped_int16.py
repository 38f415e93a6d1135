"""Kernels that compute with int16 write nothing but their output, whatever the record holds that the check lets through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.test_shipped import GAPS, KINDS, SEEDS, directions, window_fields
from tests.support.kernels import Case, arena_of, random_bytes
from tinymlaas.ops import sigmoid, softmax_int16
from tinymlaas.planfmt import BINARY_FUNCTIONS

int16 = st.integers(-(1 << 15), (1 << 15) - 1)


def even(gaps):
    """Gaps that keep elements of two bytes at even places."""
    return [2 * gap for gap in gaps]


@st.composite
def ranges(draw):
    """Lowest and highest output."""
    low, high = sorted((draw(int16), draw(int16)))
    return {"wide_min": low, "wide_max": high}


@st.composite
def binary_cases(draw):
    shape, rng = [draw(st.integers(1, 4)) for _ in range(4)], np.random.default_rng(draw(SEEDS))
    masks = [draw(st.integers(0, 15)) & draw(st.integers(0, 15)) for _ in range(2)]
    sizes = [2 * int(np.prod([1 if mask >> d & 1 else n for d, n in enumerate(shape)])) for mask in masks]
    size, kept = 2 * int(np.prod(shape)), draw(st.integers(0, 3))
    parts = [random_bytes(rng, n, draw(KINDS)) for n in (*sizes, size)]
    data, places = arena_of(rng, parts, even(draw(GAPS)))
    whole = [p for i, p in enumerate(places[:2]) if sizes[i] == size and not kept >> i & 1]
    target = draw(st.sampled_from([places[2], *whole]))
    inputs = [at if kept >> i & 1 else places[i] for i, at in enumerate((0, sizes[0] + -sizes[0] % 4))]
    fields = {"input": inputs[0], "input2": inputs[1], "output": target, "shape": shape, "constants": kept}
    fields |= {"broadcast1": masks[0], "broadcast2": masks[1]}
    fields["function"] = draw(st.integers(0, BINARY_FUNCTIONS["PRELU"]))
    first = 30 if fields["function"] == BINARY_FUNCTIONS["PRELU"] else 0
    for multiplier, shift, high in (
        ("multiplier1", "shift1", first),
        ("multiplier2", "shift2", 0),
        ("out_multiplier", "out_shift", 30),
    ):
        largest = draw(st.booleans())
        fields |= {multiplier: 2**31 - 1 if largest else int(rng.integers(2**30, 2**31))}
        fields |= {shift: high if largest else draw(st.integers(-31, high))}
    constants = parts[0] + bytes(-sizes[0] % 4) + parts[1]
    return Case("BINARY_INT16", fields | draw(ranges()), constants, data, ((target, size),), (target, size))


@st.composite
def reduce_cases(draw):
    """Dimensions in any order, with gaps."""
    count, stride, step = [draw(st.integers(1, 4)) for _ in range(4)], [0] * 4, 1
    for i in draw(st.permutations(range(4))):
        stride[i], step = step, step * count[i] + draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(SEEDS))
    in_bytes = 2 + 2 * sum((n - 1) * s for n, s in zip(count, stride, strict=True))
    out_bytes = 2 * count[0] * count[1]
    parts = [bytes(out_bytes), random_bytes(rng, in_bytes, draw(KINDS))]
    data, (target, source) = arena_of(rng, parts, even(draw(GAPS)[:2]))
    fields = {"input": source, "output": target, "count": count, "stride": stride}
    fields |= {"multiplier": int(rng.integers(0, 2**31)), "shift": draw(st.integers(-31, 30))}
    fields["bias"] = int(rng.integers(-(2**31), 2**31))
    return Case("REDUCE_INT16", fields, b"", data, ((target, out_bytes),), (target, out_bytes))


@st.composite
def pool_cases(draw):
    y, x = draw(directions((1,))), draw(directions((1,)))
    channels, rng = draw(st.integers(1, 9)), np.random.default_rng(draw(SEEDS))
    out_bytes = 2 * y.out * x.out * channels
    parts = [random_bytes(rng, 2 * y.size * x.size * channels, draw(KINDS)), bytes(out_bytes)]
    data, (source, target) = arena_of(rng, parts, even(draw(GAPS)[:2]))
    fields = window_fields(y, x, channels, channels) | draw(ranges()) | {"input": source, "output": target}
    fields["function"] = draw(st.integers(0, 2))
    return Case("POOL_INT16", fields, b"", data, ((target, out_bytes),), (target, out_bytes))


@st.composite
def sigmoid_cases(draw):
    """Tables of any bytes too."""
    count, rng = draw(st.integers(0, 60)), np.random.default_rng(draw(SEEDS))
    data, places = arena_of(rng, [random_bytes(rng, 2 * count, draw(KINDS)) for _ in range(2)], even(draw(GAPS)[:2]))
    target = draw(st.sampled_from(places))
    table = sigmoid.table().tobytes() if draw(st.booleans()) else random_bytes(rng, 512, draw(KINDS))
    fields = {"input": places[0], "output": target, "count": count, "table": 0, "function": draw(st.integers(0, 2))}
    fields |= {"multiplier": draw(st.just(32767) | st.integers(0, 32767)), "shift": draw(st.integers(0, 31))}
    return Case("SIGMOID_INT16", fields, table, data, ((target, 2 * count),), (target, 2 * count))


@st.composite
def softmax_cases(draw):
    """Tables of any bytes too."""
    rows, depth = draw(st.integers(1, 3)), draw(st.integers(1, 30) | st.just(1000))
    rng, size = np.random.default_rng(draw(SEEDS)), 2 * rows * depth
    data, places = arena_of(rng, [random_bytes(rng, size, draw(KINDS)) for _ in range(2)], even(draw(GAPS)[:2]))
    target = draw(st.sampled_from(places))
    tables = softmax_int16.tables().tobytes() if draw(st.booleans()) else random_bytes(rng, 2052, draw(KINDS))
    fields = {"input": places[0], "output": target, "rows": rows, "depth": depth, "tables": 0}
    fields |= {"multiplier": int(rng.integers(2**30, 2**31)), "shift": draw(st.integers(-31, 30))}
    return Case("SOFTMAX_INT16", fields, tables, data, ((target, size),), (target, size))


CASES = {
    "BINARY_INT16": binary_cases(),
    "REDUCE_INT16": reduce_cases(),
    "POOL_INT16": pool_cases(),
    "SIGMOID_INT16": sigmoid_cases(),
    "SOFTMAX_INT16": softmax_cases(),
}


@pytest.mark.parametrize("op", CASES)
@settings(max_examples=300, deadline=None, print_blob=True)
@given(data=st.data())
def test_shipped_equals_reference(op, data):
    case = data.draw(CASES[op])
    assert case.check() == ""
    assert case.run("shipped") == case.run("ref")
