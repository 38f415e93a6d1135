"""What strategies of models draw alike: scales, shapes, windows, values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.support.tflite_writer import TensorSpec
from tinymlaas.tflite.schema import ACTIVATIONS

Draw = Callable[[st.SearchStrategy], object]

_FUSED = [ACTIVATIONS.index(a) for a in ("NONE", "NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")]
activations = st.sampled_from(_FUSED)
seeds = st.integers(0, 2**32 - 1)


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Now and then a whole number: exponents of two make ratios of scales under which results lie midway between integers."""
    value = float(rng.uniform(low, high))
    return round(value) if rng.random() < 0.25 else value


def scale_of(exponent: float) -> float:
    """2^exponent as float32."""
    return float(np.float32(2.0**exponent))


def broadcast_shapes(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Two shapes and what they broadcast to; often the same, or one element."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    kind = draw(st.sampled_from(["same", "one", "mixed", "mixed", "shorter"]))
    other = list(shape)
    if kind == "one":
        other = [1] * draw(st.integers(1, len(shape)))
    elif kind == "shorter":
        other = shape[draw(st.integers(0, len(shape) - 1)) :]
    elif kind == "mixed":
        for i in range(len(shape)):
            side = draw(st.sampled_from([shape, other, None]))
            if side is not None:
                side[i] = 1
    pair = [tuple(shape), tuple(other)]
    if draw(st.booleans()):
        pair.reverse()
    return pair[0], pair[1], np.broadcast_shapes(*pair)


def ints(*numbers: object) -> TensorSpec:
    """A constant of integers, as parameters are."""
    data = np.array(numbers[0] if len(numbers) == 1 else numbers, np.int32)
    return TensorSpec(data.shape, dtype="int32", data=data)


def image_shape(draw: Draw, rank: int = 4, largest: int = 5) -> tuple[int, ...]:
    return tuple(draw(st.integers(1, largest)) for _ in range(rank))


def values(shape: tuple[int, ...], seed: int, dtype: str = "int8") -> np.ndarray:
    """Values of a type: mostly uniform (of 32 bits: in magnitude), sometimes all the same extreme."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    kind, limits = rng.integers(0, 16), np.iinfo(dtype)
    if dtype == "int32":
        return (rng.choice([-1, 1], shape) * 2 ** rng.uniform(0, 29, shape)).astype(dtype)
    if kind < 2:
        return np.full(shape, (limits.min, limits.max)[kind], dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def window_of(draw: Draw, dilated: bool) -> tuple[tuple[int, int, int, int], dict[str, int], tuple[int, int]]:
    """(in_h, in_w, filter_h, filter_w), options, (out_h, out_w)."""
    padding = draw(st.sampled_from([0, 1]))  # SAME, VALID
    options: dict[str, int] = {"padding": padding, "fusedActivationFunction": draw(activations)}
    sizes, filters, outs = [], [], []
    for axis in "HW":
        stride, dilation = draw(st.integers(1, 4)), draw(st.sampled_from([1, 1, 2, 3])) if dilated else 1
        size, taps = draw(st.integers(1, 12)), draw(st.integers(1, 5))
        reach = (taps - 1) * dilation + 1
        size = max(size, reach) if padding else size
        sizes.append(size)
        filters.append(taps)
        outs.append((size - reach) // stride + 1 if padding else -(-size // stride))
        options[f"stride{axis}"] = stride
        if dilated:
            options[f"dilation{axis}Factor"] = dilation
    return (*sizes, *filters), options, tuple(outs)


def zero_point_of(rng: np.random.Generator) -> int:
    """Mostly in the middle; at the edges half of the range would saturate."""
    return int(rng.integers(-128, 128) if rng.random() < 0.3 else rng.integers(-30, 31))


def exponent_of(rng: np.random.Generator) -> float:
    """Of two, for the scale of an activation."""
    return uniform(rng, -8, 1)


def quant_of(rng: np.random.Generator) -> tuple[float, int]:
    return scale_of(exponent_of(rng)), zero_point_of(rng)
