"""Small models of every shape at the edges of the DSP kernels' tiles, for boards that run the instructions themselves."""

from __future__ import annotations

import numpy as np

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite


def _weights(rng: np.random.Generator, shape: tuple[int, ...], axis: int = 0) -> TensorSpec:
    data = rng.integers(-127, 128, shape).astype(np.int8)
    return TensorSpec(shape, [0.01] * shape[axis], [0] * shape[axis], data=data, axis=axis)


def depthwise(height: int, width: int, stride: int, zero_point: int = 4) -> bytes:
    """A 3 x 3 DEPTHWISE_CONV_2D of four channels."""
    rng = np.random.default_rng(height * 100 + width * 10 + stride)
    out = (1, -(-height // stride), -(-width // stride), 4)
    tensors = [
        TensorSpec((1, height, width, 4), 0.05, 3),
        _weights(rng, (1, 3, 3, 4), 3),
        TensorSpec(out, 0.2, zero_point),
    ]
    options = {"padding": 0, "strideH": stride, "strideW": stride, "depthMultiplier": 1}
    return write_tflite(tensors, [OpSpec("DEPTHWISE_CONV_2D", (0, 1), (2,), options)], [0], [2])


def convolution(pixels: int, in_c: int, out_c: int, filter_size: int = 1, zero_point: int = -128) -> bytes:
    """A CONV_2D over a row of pixels."""
    rng = np.random.default_rng(pixels * 100 + in_c * 10 + out_c)
    weights = _weights(rng, (out_c, filter_size, filter_size, in_c))
    tensors = [TensorSpec((1, 2, pixels, in_c), 0.05, 3), weights, TensorSpec((1, 2, pixels, out_c), 0.2, zero_point)]
    options = {"padding": 0, "strideH": 1, "strideW": 1}
    return write_tflite(tensors, [OpSpec("CONV_2D", (0, 1), (2,), options)], [0], [2])


def fully_connected(inputs: int, outputs: int) -> bytes:
    """A FULLY_CONNECTED."""
    rng = np.random.default_rng(inputs * 100 + outputs)
    tensors = [TensorSpec((1, inputs), 0.05, 3), _weights(rng, (outputs, inputs)), TensorSpec((1, outputs), 0.3, -1)]
    return write_tflite(tensors, [OpSpec("FULLY_CONNECTED", (0, 1), (2,))], [0], [2])


def models() -> dict[str, bytes]:
    """Name → .tflite."""
    planes = {
        f"d{h}x{w}s{s}": depthwise(h, w, s)
        for s in (1, 2)
        for h, w in [(2, n) for n in range(1, 11)] + [(9, 2), (7, 1)]
    }
    tiles = {f"c{k}x{n}": convolution(3, k, n) for k in (1, 4, 7, 8, 12, 16, 20, 33) for n in (1, 2, 5)}
    wide = {f"f{n}": convolution(n, 2, 3, 3, 5) for n in range(1, 7)}
    rows = {f"r{k}x{n}": fully_connected(k, n) for k in (1, 4, 8, 11, 16, 20) for n in (1, 4, 6)}
    return {**planes, **tiles, **wide, **rows}
