"""Every shipped kernel gives the bytes of its reference, and writes nothing but its output and scratch."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.kernels import Case, arena_of, channel_stream, random_bytes, wide_channel_stream
from tinymlaas.ops import scratch as scratch_bytes
from tinymlaas.ops import sigmoid
from tinymlaas.ops.window import Window
from tinymlaas.planfmt import BINARY_FUNCTIONS, REDUCE_FUNCTIONS, SCALE

SCRATCH = {"CONV_2D": scratch_bytes.conv_2d, "DEPTHWISE_CONV_2D": scratch_bytes.depthwise_conv_2d}
KINDS = st.sampled_from(["random", "random", "random", "min", "max"])
SEEDS = st.integers(0, 2**32 - 1)
GAPS = st.lists(st.integers(0, 9), min_size=3, max_size=3)
int8 = st.integers(-128, 127)
int16 = st.integers(-32768, 32767)


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a window: sizes of input, output and filter, padding before, stride, dilation."""

    size: int
    out: int
    filter: int
    pad: int
    stride: int
    dilation: int


@st.composite
def directions(draw, dilations=(1, 1, 2, 3), out_limit=6):
    """Any geometry that the check accepts, also such as TFLite never makes."""
    taps, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.sampled_from(dilations))
    size, pad = draw(st.integers(1, 9)), draw(st.integers(0, (taps - 1) * dilation))
    out = draw(st.integers(1, min(out_limit, (size + pad - 1) // stride + 1)))
    return Direction(size, out, taps, pad, stride, dilation)


def window_fields(y: Direction, x: Direction, in_c: int, out_c: int) -> dict[str, int]:
    """The geometry fields of a record."""
    return {
        **{"in_h": y.size, "out_h": y.out, "filter_h": y.filter, "pad_top": y.pad, "stride_h": y.stride},
        **{"in_w": x.size, "out_w": x.out, "filter_w": x.filter, "pad_left": x.pad, "stride_w": x.stride},
        **{"dilation_h": y.dilation, "dilation_w": x.dilation, "in_c": in_c, "out_c": out_c},
    }


@st.composite
def ranges(draw):
    """Zero points and the activation's limits."""
    low, high = sorted((draw(int8), draw(int8))) if draw(st.booleans()) else (-128, 127)
    return {"in_zero_point": draw(int8), "out_zero_point": draw(int8), "act_min": low, "act_max": high}


def weighted_case(op, fields, sizes, channels, seed, gaps, kinds, extreme):
    """A case of an operator with weights; sizes: bytes of input, weights, output and scratch."""
    rng = np.random.default_rng(seed)
    in_bytes, weight_bytes, out_bytes, scratch_bytes = sizes
    parts = [random_bytes(rng, scratch_bytes, "random"), random_bytes(rng, in_bytes, kinds[0]), bytes(out_bytes)]
    data, (scratch, source, target) = arena_of(rng, parts, [4 * gaps[0], *gaps[1:]])
    weights = random_bytes(rng, weight_bytes, kinds[1])
    weights += bytes(-len(weights) % 4)
    constants = weights + channel_stream(rng, channels, extreme=extreme)
    places = {"input": source, "output": target, "weights": 0, "channels": len(weights)}
    fields = fields | places | {"scratch": scratch, "scratch_bytes": scratch_bytes}
    return Case(op, fields, constants, data, ((target, out_bytes), (scratch, scratch_bytes)), (target, out_bytes))


@st.composite
def conv_cases(draw, op):
    y, x = draw(directions()), draw(directions())
    in_c = draw(st.integers(1, 6) | st.sampled_from([8, 16, 31]))
    out_c = in_c * draw(st.integers(1, 4)) if op == "DEPTHWISE_CONV_2D" else draw(st.integers(1, 10))
    taps = y.filter * x.filter
    weight_bytes = taps * out_c * (1 if op == "DEPTHWISE_CONV_2D" else in_c)
    geometry = window_fields(y, x, in_c, out_c)
    scratch = SCRATCH[op](Window(**geometry), "any")
    sizes = (y.size * x.size * in_c, weight_bytes, y.out * x.out * out_c, scratch)
    fields = geometry | draw(ranges())
    return weighted_case(
        op, fields, sizes, out_c, draw(SEEDS), draw(GAPS), (draw(KINDS), draw(KINDS)), draw(st.booleans())
    )


@st.composite
def conv_int16_cases(draw):
    """Any groups, sums of both kinds, biases of any size."""
    y, x = draw(directions()), draw(directions())
    groups, filter_c, filters, gaps = *(draw(st.integers(1, 4)) for _ in range(3)), draw(GAPS)
    fields = window_fields(y, x, groups * filter_c, groups * filters) | {"filter_c": filter_c}
    rng, narrow = np.random.default_rng(draw(SEEDS)), draw(st.booleans())
    out_bytes = 2 * y.out * x.out * groups * filters
    parts = [random_bytes(rng, 2 * y.size * x.size * groups * filter_c, draw(KINDS)), bytes(out_bytes)]
    data, (source, target) = arena_of(rng, parts, [2 * gaps[0], 2 * gaps[1]])
    weights = random_bytes(rng, y.filter * x.filter * filter_c * groups * filters, draw(KINDS))
    weights += bytes(-len(weights) % 4)
    stream = wide_channel_stream(rng, groups * filters, narrow=narrow, extreme=draw(st.booleans()))
    low, high = sorted((draw(int16), draw(int16))) if draw(st.booleans()) else (-32768, 32767)
    fields |= {"act_min": low, "act_max": high, "sum_bytes": 4 if narrow else 8, "channels": len(weights)}
    fields |= {"input": source, "output": target}
    return Case("CONV_INT16", fields, weights + stream, data, ((target, out_bytes),), (target, out_bytes))


@st.composite
def fully_connected_cases(draw):
    rows, n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 40)), draw(st.integers(1, 14))
    fields = {"rows": rows, "in_features": n_in, "out_features": n_out} | draw(ranges())
    sizes = (rows * n_in, n_in * n_out, rows * n_out, 0)
    kinds = (draw(KINDS), draw(KINDS))
    return weighted_case("FULLY_CONNECTED", fields, sizes, n_out, draw(SEEDS), draw(GAPS), kinds, draw(st.booleans()))


@st.composite
def pool_cases(draw, op):
    y, x = draw(directions((1,))), draw(directions((1,)))
    channels, rng = draw(st.integers(1, 9)), np.random.default_rng(draw(SEEDS))
    out_bytes = y.out * x.out * channels
    parts = [random_bytes(rng, y.size * x.size * channels, draw(KINDS)), bytes(out_bytes)]
    data, (source, target) = arena_of(rng, parts, draw(GAPS)[:2])
    fields = window_fields(y, x, channels, channels) | draw(ranges()) | {"input": source, "output": target}
    return Case(op, fields, b"", data, ((target, out_bytes),), (target, out_bytes))


@st.composite
def add_cases(draw):
    count, rng = draw(st.integers(1, 50)), np.random.default_rng(draw(SEEDS))
    data, places = arena_of(rng, [random_bytes(rng, count, draw(KINDS)) for _ in range(3)], draw(GAPS))
    target = draw(st.sampled_from(places))  # in place over either input too
    fields = dict(zip(("input", "input2"), places, strict=False)) | {"output": target, "count": count}
    for multiplier, shift in (("multiplier1", "shift1"), ("multiplier2", "shift2"), ("out_multiplier", "out_shift")):
        fields |= {multiplier: int(rng.integers(2**30, 2**31)), shift: draw(st.integers(-31, 0))}
    fields |= draw(ranges()) | {"in2_zero_point": draw(int8)}
    return Case("ADD", fields, b"", data, ((target, count),), (target, count))


@st.composite
def softmax_cases(draw):
    rows, depth, shift = draw(st.integers(1, 3)), draw(st.integers(1, 30) | st.just(1000)), draw(st.integers(0, 31))
    rng = np.random.default_rng(draw(SEEDS))
    data, places = arena_of(rng, [random_bytes(rng, rows * depth, draw(KINDS)) for _ in range(2)], draw(GAPS)[:2])
    wide, size = draw(st.booleans()), rows * depth
    data += bytes(2 * size + -2 * size % 16)
    target = len(data) - 2 * size - -2 * size % 16 if wide else draw(st.sampled_from(places))
    fields = {"input": places[0], "output": target, "rows": rows, "depth": depth, "shift": shift, "flags": int(wide)}
    fields |= {"multiplier": int(rng.integers(2**30, 2**31)), "diff_min": -draw(st.integers(0, (31 << 26) >> shift))}
    written = (target, size << wide)
    return Case("SOFTMAX", fields, b"", data, (written,), written)


@st.composite
def pad_cases(draw):
    shape, before, after = ([draw(st.integers(low, 4)) for _ in range(4)] for low in (1, 0, 0))
    out_bytes = int(np.prod([sum(d) for d in zip(shape, before, after, strict=True)]))
    rng = np.random.default_rng(draw(SEEDS))
    parts = [random_bytes(rng, int(np.prod(shape)), draw(KINDS)), bytes(out_bytes)]
    data, (source, target) = arena_of(rng, parts, draw(GAPS)[:2])
    fields = {
        "in_shape": shape,
        "before": before,
        "after": after,
        "value": draw(int8),
        "input": source,
        "output": target,
    }
    return Case("PAD", fields, b"", data, ((target, out_bytes),), (target, out_bytes))


@st.composite
def copy_cases(draw):
    count, rng = draw(st.integers(0, 60)), np.random.default_rng(draw(SEEDS))
    data, (source, target) = arena_of(rng, [random_bytes(rng, count, "random") for _ in range(2)], draw(GAPS)[:2])
    return Case(
        "COPY", {"input": source, "output": target, "count": count}, b"", data, ((target, count),), (target, count)
    )


@st.composite
def lookup_cases(draw):
    count, rng = draw(st.integers(0, 60)), np.random.default_rng(draw(SEEDS))
    data, places = arena_of(rng, [random_bytes(rng, count, draw(KINDS)) for _ in range(2)], draw(GAPS)[:2])
    target = draw(st.sampled_from(places))
    fields = {"input": places[0], "output": target, "count": count, "table": 0}
    return Case("LOOKUP", fields, random_bytes(rng, 256, "random"), data, ((target, count),), (target, count))


@st.composite
def binary_cases(draw):
    shape, rng = [draw(st.integers(1, 4)) for _ in range(4)], np.random.default_rng(draw(SEEDS))
    masks = [draw(st.integers(0, 15)) & draw(st.integers(0, 15)) for _ in range(2)]
    sizes = [int(np.prod([1 if mask >> d & 1 else n for d, n in enumerate(shape)])) for mask in masks]
    count, kept = int(np.prod(shape)), draw(st.integers(0, 3))
    parts = [random_bytes(rng, size, draw(KINDS)) for size in (*sizes, count)]
    constants = parts[0] + bytes(-sizes[0] % 4) + parts[1]
    data, places = arena_of(rng, parts, draw(GAPS))
    whole = [p for i, p in enumerate(places[:2]) if sizes[i] == count and not kept >> i & 1]
    target = draw(st.sampled_from([places[2], *whole]))
    inputs = [at if kept >> i & 1 else places[i] for i, at in enumerate((0, sizes[0] + -sizes[0] % 4))]
    fields = {"input": inputs[0], "input2": inputs[1], "output": target, "shape": shape, "constants": kept}
    fields |= {
        "broadcast1": masks[0],
        "broadcast2": masks[1],
        "function": draw(st.integers(0, max(BINARY_FUNCTIONS.values()))),
    }
    for multiplier, shift, high in (
        ("multiplier1", "shift1", 0),
        ("multiplier2", "shift2", 0),
        ("out_multiplier", "out_shift", 22),
    ):
        fields |= {multiplier: int(rng.integers(2**30, 2**31)), shift: draw(st.integers(-31, high))}
    fields |= draw(ranges()) | {"in2_zero_point": draw(int8)}
    return Case("BINARY", fields, constants, data, ((target, count),), (target, count))


@st.composite
def reduce_cases(draw):
    """Dimensions in any order, with gaps."""
    count, stride, step = [draw(st.integers(1, 4)) for _ in range(4)], [0] * 4, 1
    for i in draw(st.permutations(range(4))):
        stride[i], step = step, step * count[i] + draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(SEEDS))
    in_bytes = 1 + sum((n - 1) * s for n, s in zip(count, stride, strict=True))
    function = draw(st.integers(0, max(REDUCE_FUNCTIONS.values())))
    out_bytes = count[0] * count[1] * (4 if function >= REDUCE_FUNCTIONS["ARG_MAX"] else 1)
    parts = [bytes(out_bytes), random_bytes(rng, in_bytes, draw(KINDS))]
    data, (target, source) = arena_of(rng, parts, [4 * draw(GAPS)[0], draw(GAPS)[0]])
    fields = {"input": source, "output": target, "count": count, "stride": stride, "out_zero_point": draw(int8)}
    fields |= {"multiplier": int(rng.integers(0, 2**31)), "shift": draw(st.integers(-31, 30))}
    fields |= {"bias": int(rng.integers(-(2**31), 2**31)), "function": function}
    return Case("REDUCE", fields, b"", data, ((target, out_bytes),), (target, out_bytes))


@st.composite
def move_cases(draw):
    """Strides of any sign; in the output no place twice, and what lies between the places must stay."""
    count, rng = [draw(st.integers(1, 4)) for _ in range(4)], np.random.default_rng(draw(SEEDS))
    ins, outs, step = [draw(st.integers(-9, 9) | st.just(1)) for _ in range(4)], [0] * 4, 1
    for i in draw(st.permutations(range(4))):
        outs[i], step = step * draw(st.sampled_from([1, -1])), step * count[i] + draw(st.integers(0, 2))
    ways = [[(n - 1) * s for n, s in zip(count, strides, strict=True)] for strides in (ins, outs)]
    lows, sizes = ([sum(min(w, 0) for w in way) for way in ways], [1 + sum(abs(w) for w in way) for way in ways])
    parts, constant = [random_bytes(rng, size, "random") for size in sizes], draw(st.booleans())
    data, (source, target) = arena_of(rng, parts, draw(GAPS)[:2])
    fields = {"input": (0 if constant else source) - lows[0], "output": target - lows[1], "constant": int(constant)}
    fields |= {"count": count, "in_stride": ins, "out_stride": outs}
    return Case("MOVE", fields, parts[0], data, ((target, sizes[1]),), (target, sizes[1]))


@st.composite
def gather_cases(draw):
    in_bytes, rng = draw(st.integers(1, 40)), np.random.default_rng(draw(SEEDS))
    run, count = draw(st.integers(1, in_bytes)), draw(st.integers(1, 9))
    parts = [random_bytes(rng, in_bytes, "random"), bytes(run * count)]
    data, (source, target) = arena_of(rng, parts, draw(GAPS)[:2])
    offsets = rng.integers(0, in_bytes - run + 1, count).astype("<u4").tobytes()
    fields = {"input": source, "output": target, "count": count, "run": run, "in_bytes": in_bytes, "offsets": 0}
    return Case("GATHER", fields, offsets, data, ((target, run * count),), (target, run * count))


@st.composite
def quantize_cases(draw):
    """Any type to any other; in place where elements have one size."""
    types = {1: 1, 2: 1, 3: 2, 4: 4}
    (a, b), count = (draw(st.sampled_from([*types])) for _ in range(2)), draw(st.integers(0, 30))
    rng, sizes = np.random.default_rng(draw(SEEDS)), (count * types[a], count * types[b])
    gaps = [4 * gap for gap in draw(GAPS)]
    data, places = arena_of(rng, [random_bytes(rng, n + -n % 4, draw(KINDS)) for n in sizes], gaps[:2])
    target = draw(st.sampled_from(places)) if types[a] == types[b] else places[1]
    fields = {"input": places[0], "output": target, "count": count, "in_dtype": a, "out_dtype": b}
    fields |= {"multiplier": int(rng.integers(2**30, 2**31)), "shift": draw(st.integers(-31, 30))}
    fields |= {name: int(rng.integers(-(2**31), 2**31)) for name in ("in_zero_point", "out_zero_point")}
    return Case("QUANTIZE", fields, b"", data, ((target, sizes[1]),), (target, sizes[1]))


@st.composite
def svdf_cases(draw):
    n_in, units, rank, memory = (draw(st.integers(1, high)) for high in (20, 5, 3, 7))
    item, rng, filters = draw(st.sampled_from([1, 2])), np.random.default_rng(draw(SEEDS)), units * rank
    kept = filters * memory * item
    parts = [random_bytes(rng, kept, draw(KINDS)), random_bytes(rng, n_in, draw(KINDS)), bytes(units)]
    gaps = draw(GAPS)
    data, (state, source, target) = arena_of(rng, parts, [2 * gaps[0], *gaps[1:]])
    constants, places = b"", {}
    for name, size in (("weights", filters * n_in), ("time", kept), ("bias", 4 * (filters + units))):
        places[name] = len(constants)
        constants += random_bytes(rng, size + -size % 4, draw(KINDS))
    fields = {"in_features": n_in, "units": units, "rank": rank, "memory": memory, "state_item": item} | places
    for multiplier, shift in (("state_multiplier", "state_shift"), ("multiplier", "shift")):
        fields |= {multiplier: int(rng.integers(2**30, 2**31)), shift: draw(st.integers(-31, 30))}
    fields |= {"out_zero_point": draw(int8), "state_zero_point": draw(int8)}
    fields |= {"input": source, "output": target, "state": state}
    return Case("SVDF", fields, constants, data, ((target, units), (state, kept)), (target, units))


@st.composite
def lstm_cases(draw):
    """Tables and states of any bytes too: the sanitisers watch."""
    steps, n_in, units = (draw(st.integers(1, high)) for high in (4, 12, 5))
    rng = np.random.default_rng(draw(SEEDS))
    parts = [random_bytes(rng, n, draw(KINDS)) for n in (2 * units, units, steps * n_in)] + [bytes(steps * units)]
    data, (cell, hidden, source, target) = arena_of(rng, parts, [2 * draw(st.integers(0, 4)), *draw(GAPS)])
    scales = b"".join(
        SCALE.pack({"multiplier": int(rng.integers(2**30, 2**31)), "shift": draw(st.integers(-31, 30))})
        for _ in range(8)
    )
    table = sigmoid.table().tobytes() if draw(st.booleans()) else random_bytes(rng, 512, "random")
    constants, places = table + scales, {"table": 0, "scales": 512}
    for name, size in (("bias", 32 * units), ("weights", 4 * units * (n_in + units))):
        places[name] = len(constants)
        constants += random_bytes(rng, size + -size % 4, draw(KINDS))
    fields = {"steps": steps, "in_features": n_in, "units": units, "out_zero_point": draw(int8)} | places
    fields |= {"multiplier": int(rng.integers(2**30, 2**31)), "shift": draw(st.integers(-31, 30))}
    fields |= {"clip": draw(st.sampled_from([0, 1, 500, 32767])), "cell_exponent": draw(st.integers(-24, 0))}
    fields |= {"input": source, "output": target, "hidden": hidden, "cell": cell}
    written = ((target, steps * units), (hidden, units), (cell, 2 * units))
    return Case("LSTM", fields, constants, data, written, (target, steps * units))


@st.composite
def resize_bilinear_cases(draw):
    """Any places that end inside the input."""
    rng, images, channels = np.random.default_rng(draw(SEEDS)), draw(st.integers(1, 2)), draw(st.integers(1, 5))
    fields, ins, outs = {"images": images, "channels": channels}, images * channels, images * channels
    for side in "hw":
        size, out = draw(st.integers(1, 6)), draw(st.integers(1, 9))
        offset = draw(st.integers(-512, size * 1024 - 1))
        scale = draw(st.integers(0, (size * 1024 - 1 - offset) // max(out - 1, 1)))
        fields |= {f"in_{side}": size, f"out_{side}": out, f"offset_{side}": offset, f"scale_{side}": scale}
        ins, outs = ins * size, outs * out
    data, (source, target) = arena_of(rng, [random_bytes(rng, ins, draw(KINDS)), bytes(outs)], draw(GAPS)[:2])
    fields |= {"input": source, "output": target}
    return Case("RESIZE_BILINEAR", fields, b"", data, ((target, outs),), (target, outs))


@st.composite
def batch_matmul_cases(draw):
    rng, batch = np.random.default_rng(draw(SEEDS)), [draw(st.integers(1, 3)) for _ in range(3)]
    masks = [draw(st.integers(0, 7)) & draw(st.integers(0, 7)) for _ in range(2)]
    sizes = [int(np.prod([1 if mask >> d & 1 else n for d, n in enumerate(batch)])) for mask in (*masks, 0)]
    rows, depth, columns, kept = (
        draw(st.integers(1, 5)),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 5)),
        draw(st.integers(0, 3)),
    )
    sizes = [n * area for n, area in zip(sizes, (rows * depth, depth * columns, rows * columns), strict=True)]
    parts = [random_bytes(rng, size, draw(KINDS)) for size in sizes]
    data, places = arena_of(rng, parts, draw(GAPS))
    inputs = [at if kept >> i & 1 else places[i] for i, at in enumerate((0, sizes[0] + -sizes[0] % 4))]
    fields = {"input": inputs[0], "input2": inputs[1], "output": places[2], "batch": batch, "constants": kept}
    fields |= {"rows": rows, "depth": depth, "columns": columns, "transposed": draw(st.integers(0, 3))}
    fields |= {"broadcast1": masks[0], "broadcast2": masks[1]}
    fields |= {"multiplier": int(rng.integers(2**30, 2**31)), "shift": draw(st.integers(-31, 30))}
    fields |= {name: draw(int8) for name in ("in_zero_point", "in2_zero_point", "out_zero_point")}
    constants = parts[0] + bytes(-sizes[0] % 4) + parts[1]
    return Case("BATCH_MATMUL", fields, constants, data, ((places[2], sizes[2]),), (places[2], sizes[2]))


CASES = {
    "CONV_2D": conv_cases("CONV_2D"),
    "DEPTHWISE_CONV_2D": conv_cases("DEPTHWISE_CONV_2D"),
    "FULLY_CONNECTED": fully_connected_cases(),
    "AVERAGE_POOL_2D": pool_cases("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pool_cases("MAX_POOL_2D"),
    "ADD": add_cases(),
    "SOFTMAX": softmax_cases(),
    "PAD": pad_cases(),
    "COPY": copy_cases(),
    "LOOKUP": lookup_cases(),
    "BINARY": binary_cases(),
    "REDUCE": reduce_cases(),
    "MOVE": move_cases(),
    "GATHER": gather_cases(),
    "QUANTIZE": quantize_cases(),
    "SVDF": svdf_cases(),
    "LSTM": lstm_cases(),
    "RESIZE_BILINEAR": resize_bilinear_cases(),
    "BATCH_MATMUL": batch_matmul_cases(),
    "CONV_INT16": conv_int16_cases(),
}


@pytest.mark.parametrize("op", CASES)
@settings(max_examples=300, deadline=None, print_blob=True)
@given(data=st.data())
def test_shipped_equals_reference(op, data):
    case = data.draw(CASES[op])
    assert case.check() == ""
    assert case.run("shipped") == case.run("ref")


@pytest.mark.parametrize("op", SCRATCH)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_host_asks_for_exactly_the_scratch_that_the_check_demands(op, data):
    case = data.draw(CASES[op])
    needed = case.fields["scratch_bytes"]
    if needed > 0:
        short = replace(case, fields=case.fields | {"scratch_bytes": needed - 1})
        assert f"shapes do not fit together: {needed - 1}, expected {needed}" in short.check()
