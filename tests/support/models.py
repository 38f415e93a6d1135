"""Random single-operator models for property tests: strategies that give the bytes of a ``.tflite``.

Hypothesis draws what shrinks well (sizes, strides, options) and a seed for the numbers: its own floats favour round ones,
with which nearly every output saturates and no rounding is ever tested.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.tflite.schema import ACTIVATIONS

Draw = Callable[[st.SearchStrategy], object]

_FUSED = [ACTIVATIONS.index(a) for a in ("NONE", "NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")]
_activation = st.sampled_from(_FUSED)
_seeds = st.integers(0, 2**32 - 1)


def _zero_point(rng: np.random.Generator) -> int:
    """Mostly in the middle; at the edges half of the range would saturate."""
    return int(rng.integers(-128, 128) if rng.random() < 0.3 else rng.integers(-30, 31))


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Now and then a whole number: exponents of two make ratios of scales under which results lie midway between integers."""
    value = float(rng.uniform(low, high))
    return round(value) if rng.random() < 0.25 else value


def _exponent(rng: np.random.Generator) -> float:
    """Of two, for the scale of an activation."""
    return _uniform(rng, -8, 1)


def scale_of(exponent: float) -> float:
    """2^exponent as float32."""
    return float(np.float32(2.0**exponent))


@st.composite
def conv_2d(draw: Draw) -> bytes:
    """CONV_2D with or without bias, per channel or per tensor."""
    out_c, in_c = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    window, options, (out_h, out_w) = _window(draw, dilated=True)
    shape = (out_c, *window[2:], in_c)
    return _weighted(draw, "CONV_2D", (1, *window[:2], in_c), shape, (1, out_h, out_w, out_c), 0, options)


@st.composite
def depthwise_conv_2d(draw: Draw) -> bytes:
    """DEPTHWISE_CONV_2D with multipliers above one and dilation."""
    in_c, multiplier = draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 2, 3, 8]))
    window, options, (out_h, out_w) = _window(draw, dilated=True)
    out_c = in_c * multiplier
    shapes = ((1, *window[:2], in_c), (1, *window[2:], out_c), (1, out_h, out_w, out_c))
    return _weighted(draw, "DEPTHWISE_CONV_2D", *shapes, 3, options | {"depthMultiplier": multiplier})


@st.composite
def fully_connected(draw: Draw) -> bytes:
    """FULLY_CONNECTED of one to three rows, per tensor (with weight zero points) and per channel."""
    rows, depth, units = draw(st.integers(1, 3)), draw(st.integers(1, 70)), draw(st.integers(1, 20))
    options = {"fusedActivationFunction": draw(_activation), "keepNumDims": False}
    shapes = ((rows, depth), (units, depth), (rows, units))
    return _weighted(draw, "FULLY_CONNECTED", *shapes, 0, options, weight_zero_points=20)


@st.composite
def add(draw: Draw) -> bytes:
    """ADD of one shape; the scales may be far apart."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(_seeds))
    first = _exponent(rng)
    exponents = (first, first + _uniform(rng, -3, 3), first + _uniform(rng, -1, 3))
    tensors = [TensorSpec(shape, scale_of(e), _zero_point(rng)) for e in exponents]
    return single_op("ADD", tensors, fusedActivationFunction=draw(_activation))


@st.composite
def pool_2d(draw: Draw, op: str) -> bytes:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    (in_h, in_w, filter_h, filter_w), options, (out_h, out_w) = _window(draw, dilated=False)
    channels, quant = draw(st.integers(1, 9)), _quant(np.random.default_rng(draw(_seeds)))
    tensors = [TensorSpec((1, *size, channels), *quant) for size in ((in_h, in_w), (out_h, out_w))]
    return single_op(op, tensors, filterHeight=filter_h, filterWidth=filter_w, **options)


@st.composite
def softmax(draw: Draw) -> bytes:
    """SOFTMAX of one to three rows."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 300)))
    rng = np.random.default_rng(draw(_seeds))
    tensors = [
        TensorSpec(shape, scale_of(rng.uniform(-9, 1)), _zero_point(rng)),
        TensorSpec(shape, 1 / 256, -128),
    ]
    return single_op("SOFTMAX", tensors, beta=draw(st.sampled_from([1.0, 0.5, 3.0])))


@st.composite
def pad(draw: Draw, op: str) -> bytes:
    """PAD or PADV2 of one to four dimensions."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    paddings = np.array([[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in shape], np.int32)
    rng = np.random.default_rng(draw(_seeds))
    quant = _quant(rng)
    tensors = [TensorSpec(tuple(shape), *quant), TensorSpec(paddings.shape, dtype="int32", data=paddings)]
    if op == "PADV2":
        tensors.append(TensorSpec((1,), *quant, data=np.array([_zero_point(rng)], np.int8)))
    tensors.append(TensorSpec(tuple(int(n + p.sum()) for n, p in zip(shape, paddings, strict=True)), *quant))
    return single_op(op, tensors)


@st.composite
def relu(draw: Draw, op: str) -> bytes:
    """RELU, RELU6 or RELU_N1_TO_1 as a layer, input and output quantised alike."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    spec = TensorSpec(shape, *_quant(np.random.default_rng(draw(_seeds))))
    return single_op(op, [spec, spec])


@st.composite
def reshape(draw: Draw) -> bytes:
    """RESHAPE into two dimensions."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    size = int(np.prod(shape))
    tensors = [TensorSpec(shape, 0.5, 3), TensorSpec((2,), dtype="int32", data=np.array([1, size], np.int32))]
    return single_op("RESHAPE", [*tensors, TensorSpec((1, size), 0.5, 3)], newShape=[1, size])


def values(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """int8 values: mostly uniform, sometimes all the same extreme."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 16)
    if kind < 2:
        return np.full(shape, (-128, 127)[kind], np.int8)
    return rng.integers(-128, 128, shape).astype(np.int8)


def _window(draw: Draw, dilated: bool) -> tuple[tuple[int, int, int, int], dict[str, int], tuple[int, int]]:
    """(in_h, in_w, filter_h, filter_w), options, (out_h, out_w)."""
    padding = draw(st.sampled_from([0, 1]))  # SAME, VALID
    options: dict[str, int] = {"padding": padding, "fusedActivationFunction": draw(_activation)}
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


def _quant(rng: np.random.Generator) -> tuple[float, int]:
    return scale_of(_exponent(rng)), _zero_point(rng)


def _weighted(
    draw: Draw,
    op: str,
    image: tuple[int, ...],
    weights: tuple[int, ...],
    output: tuple[int, ...],
    axis: int,
    options: dict[str, object],
    weight_zero_points: int = 0,
) -> bytes:
    """``weight_zero_points``: limit of the zero point of weights with one scale."""
    channels, taps = weights[axis], int(np.prod(weights)) // weights[axis]
    rng = np.random.default_rng(draw(_seeds))
    in_scale, per_channel = scale_of(_exponent(rng)), draw(st.booleans())
    middle = _uniform(rng, -9, -3)
    scales = [scale_of(middle + _uniform(rng, -1, 1)) for _ in range(channels if per_channel else 1)]
    zero_point = 0 if len(scales) > 1 else int(rng.integers(-weight_zero_points, weight_zero_points + 1))
    data = np.clip(values(weights, draw(_seeds)), max(-128, zero_point - 128), min(127, zero_point + 127))
    tensors = [
        TensorSpec(image, in_scale, _zero_point(rng)),
        TensorSpec(weights, scales, zero_point, data=data.astype(np.int8), axis=axis),
    ]
    if draw(st.booleans()):
        bias = rng.integers(-(2**12), 2**12, channels).astype(np.int32)
        bias_scales = [float(np.float32(in_scale) * np.float32(s)) for s in scales]
        tensors.append(TensorSpec((channels,), bias_scales, 0, dtype="int32", data=bias))
    # An accumulator is about 2^12.5 * sqrt(taps); it should come out as 2^6 steps, give or take.
    spread = 6 + int(np.log2(taps) / 2)
    out_scale = in_scale * scale_of(middle + spread + _uniform(rng, -1, 3))
    tensors.append(TensorSpec(output, float(np.float32(out_scale)), _zero_point(rng)))
    return single_op(op, tensors, **options)


SINGLE_OPS: dict[str, st.SearchStrategy] = {
    "CONV_2D": conv_2d(),
    "DEPTHWISE_CONV_2D": depthwise_conv_2d(),
    "FULLY_CONNECTED": fully_connected(),
    "ADD": add(),
    "AVERAGE_POOL_2D": pool_2d("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pool_2d("MAX_POOL_2D"),
    "SOFTMAX": softmax(),
    "PAD": pad("PAD"),
    "PADV2": pad("PADV2"),
    "RESHAPE": reshape(),
    "RELU": relu("RELU"),
    "RELU6": relu("RELU6"),
}
