"""A network in the 16x8 mode of the converter: activations of int16, weights of int8."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite

SHAPE = (1, 12, 10, 2)
_SAME = {"padding": 0, "strideH": 1, "strideW": 1}
_RELU, _RELU6 = {"fusedActivationFunction": 1}, {"fusedActivationFunction": 3}


class _Builder:
    """Layers one after the other; the scale of each output is found as calibration would: by the spread of its sums."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors = [TensorSpec(SHAPE, 1 / 8192, 0, "int16", name="input")]
        self.ops: list[OpSpec] = []
        self.last = 0

    def add(self, *specs: TensorSpec) -> tuple[int, ...]:
        """Their numbers."""
        self.tensors += specs
        return tuple(range(len(self.tensors) - len(specs), len(self.tensors)))

    def ints(self, *numbers: object) -> int:
        """A constant of integers."""
        data = np.array(numbers, np.int32)
        return self.add(TensorSpec(data.shape, dtype="int32", data=data))[0]

    def layer(self, op: str, inputs: tuple[int, ...], shape: tuple[int, ...], scale: float, **options: object) -> None:
        """An operator whose output the next ones take."""
        (self.last,) = self.add(TensorSpec(shape, scale, 0, "int16", name=op.lower()))
        self.ops.append(OpSpec(op, inputs, (self.last,), options))

    def weighted(
        self, op: str, weights: tuple[int, ...], shape: tuple[int, ...], axis: int = 0, bias: str = "int64", **options
    ) -> None:
        """A layer with weights; without a bias where its type is empty."""
        channels, source = weights[axis], self.tensors[self.last].scale
        scales = [float(np.float32(s)) for s in self.rng.uniform(0.002, 0.008, channels)]
        data = self.rng.integers(-127, 128, weights).astype(np.int8)
        operands = [TensorSpec(weights, scales, [0] * channels, data=data, axis=axis)]
        if bias:
            values = self.rng.integers(-(2**14 if bias == "int16" else 2**22), 2**14, channels).astype(bias)
            products = [float(np.float32(s * source)) for s in scales]
            operands.append(TensorSpec((channels,), products, [0] * channels, bias, values))
        taps = data.size // channels
        inputs = (self.last, *self.add(*operands))
        if op == "TRANSPOSE_CONV":
            inputs = (self.ints(*shape), inputs[1], inputs[0], *inputs[2:])
        self.layer(op, inputs, shape, float(np.float32(source * 0.3 * np.sqrt(taps))), **options)


@cache
def network() -> bytes:
    """PAD, CONV_2D, DEPTHWISE_CONV_2D, CONV_2D in groups, MAX_POOL_2D, TRANSPOSE_CONV, ADD, MEAN, FULLY_CONNECTED, SOFTMAX."""
    b = _Builder(16)
    b.layer("PAD", (0, b.ints((0, 0), (1, 1), (1, 1), (0, 0))), (1, 14, 12, 2), 1 / 8192)
    b.weighted("CONV_2D", (8, 3, 3, 2), (1, 12, 10, 8), padding=1, strideH=1, strideW=1, **_RELU)
    b.weighted("DEPTHWISE_CONV_2D", (1, 3, 3, 16), (1, 6, 5, 16), 3, padding=0, strideH=2, strideW=2, depthMultiplier=2)
    b.weighted("CONV_2D", (12, 2, 2, 4), (1, 6, 5, 12), bias="int32", **_SAME, **_RELU6)
    skipped = b.last
    pool = {"padding": 0, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    b.layer("MAX_POOL_2D", (b.last,), (1, 3, 3, 12), b.tensors[b.last].scale, **pool)
    b.weighted("TRANSPOSE_CONV", (12, 3, 3, 12), (1, 6, 5, 12), bias="int16", padding=0, strideH=2, strideW=2)
    b.layer("ADD", (b.last, skipped), (1, 6, 5, 12), b.tensors[b.last].scale)
    b.weighted("CONV_2D", (10, 1, 1, 12), (1, 6, 5, 10), bias="", **_SAME)
    b.layer("MEAN", (b.last, b.ints(1, 2)), (1, 10), b.tensors[b.last].scale / 4, keepDims=False)
    b.weighted("FULLY_CONNECTED", (5, 10), (1, 5))
    b.layer("SOFTMAX", (b.last,), (1, 5), 1 / 32768, beta=1.0)
    probabilities = b.last
    b.last = b.ops[-1].inputs[0]
    b.weighted("FULLY_CONNECTED", (7, 5), (1, 7), bias="int32")
    return write_tflite(b.tensors, b.ops, [0], [probabilities, b.last, skipped])
