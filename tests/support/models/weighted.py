"""Layers with weights: convolutions, fully-connected layers, products of matrices."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import (
    Draw,
    activations,
    broadcast_shapes,
    exponent_of,
    ints,
    scale_of,
    seeds,
    uniform,
    values,
    window_of,
    zero_point_of,
)
from tests.support.tflite_writer import TensorSpec, single_op


@st.composite
def conv_2d(draw: Draw, groups: int = 1, images: int = 1, wide: tuple[str, ...] = ()) -> bytes:
    """CONV_2D with or without bias, per channel or per tensor; ``groups``, ``images``: up to so many; ``wide`` as in ``_weighted``."""
    out_c, in_c = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    groups, images = draw(st.integers(1, groups)), draw(st.integers(1, images))
    window, options, (out_h, out_w) = window_of(draw, dilated=True)
    image, output = (images, *window[:2], groups * in_c), (images, out_h, out_w, groups * out_c)
    return _weighted(draw, "CONV_2D", image, (groups * out_c, *window[2:], in_c), output, 0, options, wide=wide)


@st.composite
def depthwise_conv_2d(draw: Draw, images: int = 1, wide: tuple[str, ...] = ()) -> bytes:
    """DEPTHWISE_CONV_2D with multipliers above one and dilation."""
    images = draw(st.integers(1, images))
    in_c, multiplier = draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 2, 3, 8]))
    window, options, (out_h, out_w) = window_of(draw, dilated=True)
    out_c = in_c * multiplier
    shapes = ((images, *window[:2], in_c), (1, *window[2:], out_c), (images, out_h, out_w, out_c))
    return _weighted(draw, "DEPTHWISE_CONV_2D", *shapes, 3, options | {"depthMultiplier": multiplier}, wide=wide)


@st.composite
def transpose_conv(draw: Draw, wide: tuple[str, ...] = ()) -> bytes:
    """TRANSPOSE_CONV with strides up to three, SAME and VALID, per tensor and per channel."""
    in_c, out_c, padding = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.sampled_from([0, 1]))
    sizes, taps, outs, options = [], [], [], {"padding": padding}
    for axis in "HW":
        stride, size, filter_size = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
        filter_size = max(filter_size, stride)
        outs.append((size - 1) * stride + filter_size if padding else size * stride)
        sizes.append(size)
        taps.append(filter_size)
        options[f"stride{axis}"] = stride
    shapes = ((1, *sizes, in_c), (out_c, *taps, in_c), (1, *outs, out_c))
    return _weighted(draw, "TRANSPOSE_CONV", *shapes, 0, options, wide=wide)


@st.composite
def fully_connected(draw: Draw, wide: tuple[str, ...] = ()) -> bytes:
    """FULLY_CONNECTED of one to three rows, per tensor (with weight zero points) and per channel; ``wide`` as in ``_weighted``."""
    depths = st.integers(1, 70) | st.sampled_from([256, 257, 600]) if wide else st.integers(1, 70)
    rows, depth, units = draw(st.integers(1, 3)), draw(depths), draw(st.integers(1, 40))
    options = {"fusedActivationFunction": draw(activations), "keepNumDims": False}
    shapes = ((rows, depth), (units, depth), (rows, units))
    return _weighted(draw, "FULLY_CONNECTED", *shapes, 0, options, weight_zero_points=20, wide=wide)


@st.composite
def batch_matmul(draw: Draw) -> bytes:
    """BATCH_MATMUL with batches that broadcast, either side transposed, now and then a constant one."""
    a, b, whole = broadcast_shapes(draw) if draw(st.booleans()) else ((), (), ())
    a, b, whole = (s[-3:] for s in (a, b, whole))
    rows, depth, columns = draw(st.integers(1, 6)), draw(st.integers(1, 20)), draw(st.integers(1, 6))
    options = {"adjX": draw(st.booleans()), "adjY": draw(st.booleans())}
    rng = np.random.default_rng(draw(seeds))
    exponents = (exponent_of(rng), exponent_of(rng))
    out = sum(exponents) + 6 + np.log2(depth) / 2 + uniform(rng, -1, 3)
    constant = draw(st.sampled_from([None, None, 0, 1]))
    shapes = [
        (*a, depth, rows) if options["adjX"] else (*a, rows, depth),
        (*b, columns, depth) if options["adjY"] else (*b, depth, columns),
    ]
    tensors = [
        TensorSpec(s, scale_of(e), zero_point_of(rng), data=values(s, draw(seeds)) if i == constant else None)
        for i, (s, e) in enumerate(zip(shapes, exponents, strict=True))
    ]
    return single_op(
        "BATCH_MATMUL", [*tensors, TensorSpec((*whole, rows, columns), scale_of(out), zero_point_of(rng))], **options
    )


def _middle(rng: np.random.Generator, wide: tuple[str, ...]) -> tuple[int, str]:
    """Zero point and type of an activation."""
    zero_point = zero_point_of(rng)
    return (0, "int16") if wide else (zero_point, "int8")


def _weighted(
    draw: Draw,
    op: str,
    image: tuple[int, ...],
    weights: tuple[int, ...],
    output: tuple[int, ...],
    axis: int,
    options: dict[str, object],
    weight_zero_points: int = 0,
    wide: tuple[str, ...] = (),
) -> bytes:
    """``weight_zero_points``: limit of the zero point of weights with one scale; ``wide``: types of a bias, with activations of int16."""
    channels, taps = weights[axis], int(np.prod(weights)) // weights[axis]
    rng = np.random.default_rng(draw(seeds))
    in_scale, per_channel = scale_of(exponent_of(rng)), draw(st.booleans())
    middle = uniform(rng, -9, -3)
    scales = [scale_of(middle + uniform(rng, -1, 1)) for _ in range(channels if per_channel else 1)]
    zero_point = 0 if len(scales) > 1 else int(rng.integers(-weight_zero_points, weight_zero_points + 1))
    data = np.clip(values(weights, draw(seeds)), max(-128, zero_point - 128), min(127, zero_point + 127))
    tensors = [
        TensorSpec(image, in_scale, *_middle(rng, wide)),
        TensorSpec(weights, scales, zero_point, data=data.astype(np.int8), axis=axis),
    ]
    if draw(st.booleans()):
        dtype = draw(st.sampled_from(wide or ("int32",)))
        limit = 2 ** (int(rng.integers(12, 40 if dtype == "int64" else 24)) if wide and dtype != "int16" else 12)
        bias = rng.integers(-limit, limit, channels).astype(dtype)
        bias_scales = [float(np.float32(in_scale) * np.float32(s)) for s in scales]
        tensors.append(TensorSpec((channels,), bias_scales, 0, dtype=dtype, data=bias))
    # An accumulator is about 2^12.5 * sqrt(taps); it should come out as 2^6 steps, give or take; of int16 2^8 times both.
    spread = 6 + int(np.log2(taps) / 2)
    out_scale = in_scale * scale_of(middle + spread + uniform(rng, -1, 3))
    tensors.append(TensorSpec(output, float(np.float32(out_scale)), *_middle(rng, wide)))
    if op == "TRANSPOSE_CONV":
        tensors = [ints(list(output)), tensors[1], tensors[0], *tensors[2:]]
    return single_op(op, tensors, **options)
