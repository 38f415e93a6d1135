"""A small module of layers with activations of int16: each kernel, and each one of int8 that takes them."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import compile_model

_POOL = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
_SCALE = 2.0**-11


def _wide(shape: tuple[int, ...], scale: float = _SCALE, name: str = "", data: np.ndarray | None = None) -> TensorSpec:
    return TensorSpec(shape, scale, 0, "int16", data, name=name)


def _ints(*numbers: object) -> TensorSpec:
    data = np.array(numbers, np.int32)
    return TensorSpec(data.shape, dtype="int32", data=data)


@cache
def small_int16_tflite() -> bytes:
    """MAX_POOL_2D, AVERAGE_POOL_2D, TANH, ADD, MUL, LOGISTIC, LEAKY_RELU, PAD, MEAN and SOFTMAX."""
    channels = np.array([9000, -32768, 123], np.int16)
    tensors = [
        _wide((1, 4, 6, 3), name="image"),
        _wide((1, 2, 3, 3)),
        _wide((1, 2, 3, 3)),
        _wide((1, 2, 3, 3), 1 / 32768),
        _wide((1, 2, 3, 3), 2.0**-10, "sum"),
        _wide((3,), 2.0**-13, data=channels),
        _wide((1, 2, 3, 3), 2.0**-9),
        _wide((1, 2, 3, 3), 1 / 32768, "gate"),
        _wide((1, 2, 3, 3), 2.0**-9.5),
        _ints([0, 0], [1, 0], [0, 2], [1, 0]),
        _wide((1, 3, 5, 4), 2.0**-9.5, "padded"),
        _ints(1, 2),
        _wide((1, 3), 2.0**-10.5),
        _wide((1, 3), 1 / 32768, "class"),
    ]
    ops = [
        OpSpec("MAX_POOL_2D", (0,), (1,), _POOL),
        OpSpec("AVERAGE_POOL_2D", (0,), (2,), _POOL),
        OpSpec("TANH", (2,), (3,)),
        OpSpec("ADD", (1, 3), (4,)),
        OpSpec("MUL", (4, 5), (6,)),
        OpSpec("LOGISTIC", (6,), (7,)),
        OpSpec("LEAKY_RELU", (6,), (8,), {"alpha": 0.3}),
        OpSpec("PAD", (8, 9), (10,)),
        OpSpec("MEAN", (6, 11), (12,), {"keepDims": False}),
        OpSpec("SOFTMAX", (12,), (13,), {"beta": 1.0}),
    ]
    return write_tflite(tensors, ops, [0], [4, 7, 10, 13])


@cache
def small_int16() -> bytes:
    """The module of it, for any target."""
    return compile_model(small_int16_tflite(), "int16").module
