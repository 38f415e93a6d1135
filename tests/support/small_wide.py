"""A small module of layers with weights whose activations are int16."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import compile_model

_WINDOW = {"padding": 0, "strideH": 1, "strideW": 1}


def _weights(rng: np.random.Generator, shape: tuple[int, ...], axis: int = 0) -> TensorSpec:
    data = rng.integers(-127, 128, shape).astype(np.int8)
    return TensorSpec(shape, [0.01] * shape[axis], [0] * shape[axis], data=data, axis=axis)


def _bias(rng: np.random.Generator, channels: int, scale: float, dtype: str = "int64") -> TensorSpec:
    data = rng.integers(-(2**20), 2**20, channels).astype(dtype)
    return TensorSpec((channels,), [scale] * channels, [0] * channels, dtype, data)


def _activation(shape: tuple[int, ...], scale: float, name: str = "") -> TensorSpec:
    return TensorSpec(shape, scale, 0, "int16", name=name)


@cache
def wide_tflite() -> bytes:
    """A CONV_2D of two groups with sums of 32 bits, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED with sums of 64."""
    rng = np.random.default_rng(9)
    tensors = [
        _activation((1, 5, 4, 4), 0.001, "image"),
        _weights(rng, (6, 3, 3, 2)),
        _bias(rng, 6, 0.00001, "int32"),
        _activation((1, 5, 4, 6), 0.002),
        _weights(rng, (1, 3, 2, 6), axis=3),
        _bias(rng, 6, 0.00002),
        _activation((1, 3, 2, 6), 0.003),
        TensorSpec((4,), dtype="int32", data=np.array([1, 6, 4, 2], np.int32)),
        _weights(rng, (2, 3, 3, 6)),
        _activation((1, 6, 4, 2), 0.01),
        _weights(rng, (3, 48)),
        _bias(rng, 3, 0.0001),
        _activation((1, 3), 0.03, "class"),
    ]
    ops = [
        OpSpec("CONV_2D", (0, 1, 2), (3,), _WINDOW | {"fusedActivationFunction": 1}),
        OpSpec("DEPTHWISE_CONV_2D", (3, 4, 5), (6,), {"padding": 0, "strideH": 2, "strideW": 2, "depthMultiplier": 1}),
        OpSpec("TRANSPOSE_CONV", (7, 8, 6), (9,), {"padding": 0, "strideH": 2, "strideW": 2}),
        OpSpec("FULLY_CONNECTED", (9, 10, 11), (12,)),
    ]
    return write_tflite(tensors, ops, [0], [12])


@cache
def small_wide() -> bytes:
    """The module of wide_tflite, for any target."""
    return compile_model(wide_tflite(), "wide").module
