"""Multipliers are exact to their last bit: scales under which a result falls next to the middle between two integers.

Random models hardly ever come near enough to tell a quotient of scales in float64 from one in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support import oracle
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.evaluate import evaluate
from tinymlaas.tflite.importer import read

ALL = np.arange(-128, 128, dtype=np.int8)
TRIES = 60


class Draw:
    """One case: scales of two inputs, a value and a constant that meet in a result next to ``half``."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.scale, self.scale2 = (_float32(self.rng.uniform(0.005, 0.02)) for _ in range(2))
        self.value, self.weight = int(self.rng.integers(20, 120)), int(self.rng.integers(5, 100))
        self.half = int(self.rng.integers(1, 60)) + 0.5

    def out_scale(self, real: float) -> float:
        """The scale that puts a real result next to the half, or the next float32 below or above it."""
        scale = np.float32(real / self.half)
        direction = np.float32(self.rng.choice([0, scale, np.inf]))
        return float(np.nextafter(scale, direction))


def _float32(x: float) -> float:
    return float(np.float32(x))


def _unary(op: str, **options: float) -> Callable[[Draw], tuple[bytes, list[np.ndarray]]]:
    def case(d: Draw) -> tuple[bytes, list[np.ndarray]]:
        factor = options.get("alpha", 1.0) if d.value % 2 else 1.0
        out = d.out_scale(d.value * d.scale * _float32(factor))
        return single_op(op, [TensorSpec((256,), d.scale, 13), TensorSpec((256,), out, -20)], **options), [ALL]

    return case


def _pair(
    op: str, out: Callable[[Draw], float], second: Callable[[Draw], list[int]], zeros: tuple[int, int], **options
):
    """Every value of the first input with some of the second."""

    def case(d: Draw) -> tuple[bytes, list[np.ndarray]]:
        few = np.array(second(d), np.int8)
        a, b = np.repeat(ALL, few.size), np.tile(few, ALL.size)
        scales = ((d.scale, zeros[0]), (d.scale2, zeros[1]), (d.out_scale(out(d)), -20))
        return single_op(op, [TensorSpec(a.shape, *s) for s in scales], **options), [a, b]

    return case


def _matmul(d: Draw) -> tuple[bytes, list[np.ndarray]]:
    out, weight = d.out_scale(_PRODUCT(d)), np.array([[d.weight, -d.weight]], np.int8)
    shapes = ((256, 1), (1, 2), (256, 2))
    tensors = [TensorSpec(s, x) for s, x in zip(shapes, (d.scale, d.scale2, out), strict=True)]
    return single_op("BATCH_MATMUL", tensors), [ALL.reshape(256, 1), weight]


def _quotient(d: Draw) -> float:
    """Of a small value: for quotients far below 1 TensorFlow Lite Micro shifts by more bits than there are."""
    return (int(d.half) + 1) / d.weight * d.scale / d.scale2


def _reduce(op: str) -> Callable[[Draw], tuple[bytes, list[np.ndarray]]]:
    def case(d: Draw) -> tuple[bytes, list[np.ndarray]]:
        x = np.zeros((256, 2 + d.weight % 7), np.int8)
        x[:, 0] = ALL
        out = d.out_scale(d.value * d.scale / (x.shape[1] if op == "MEAN" else 1))
        axis = TensorSpec((1,), dtype="int32", data=np.array([1], np.int32))
        return single_op(op, [TensorSpec(x.shape, d.scale), axis, TensorSpec((256,), out, 3)], keepDims=False), [x]

    return case


def _rsqrt(d: Draw) -> tuple[bytes, list[np.ndarray]]:
    out = d.out_scale(1 / np.sqrt(d.value * d.scale))
    return single_op("RSQRT", [TensorSpec((256,), d.scale, -128), TensorSpec((256,), out, -20)]), [ALL]


def _elu(d: Draw) -> tuple[bytes, list[np.ndarray]]:
    out = d.out_scale(1 - np.exp(-d.value * d.scale))
    return single_op("ELU", [TensorSpec((256,), d.scale), TensorSpec((256,), out, 5)]), [ALL]


def _hard_swish(d: Draw) -> tuple[bytes, list[np.ndarray]]:
    """Here it is the multiplier itself, of 15 bits, that falls next to a half."""
    mantissa = (int(d.rng.integers(2**14, 2**15)) + 0.5) / 2**15
    scale = _float32(4 * d.scale)
    out = float(np.nextafter(np.float32(scale / mantissa), np.float32(d.rng.choice([0, np.inf]))))
    return single_op("HARD_SWISH", [TensorSpec((256,), scale, 7), TensorSpec((256,), out, -3)]), [ALL]


def _biases(op: str, dtype: str) -> Callable[[Draw], tuple[bytes, list[np.ndarray]]]:
    """Biases of int16 layers next to halves of the output, under multipliers whose 15 bits do so too, are all ones, or a single one."""

    def case(d: Draw) -> tuple[bytes, list[np.ndarray]]:
        mantissa = float(d.rng.choice([d.rng.integers(2**14, 2**15) + 0.5, 2**15 - 0.5, 2**14])) / 2**15
        scale = _float32(d.scale * d.scale2) / mantissa * 2.0 ** int(d.rng.integers(-3, 12))
        out = float(np.nextafter(np.float32(scale), np.float32(d.rng.choice([0, np.inf]))))
        halves = (d.rng.integers(-32000, 32000, 40) + 0.5) * out / (d.scale * d.scale2)
        bias = (halves[:, None] + np.arange(-2, 3)).astype(dtype).reshape(-1)
        flat, n = op == "FULLY_CONNECTED", bias.size
        shapes = ((1, 1), (n, 1), (1, n)) if flat else ((1, 1, 1, 1), (n, 1, 1, 1), (1, 1, 1, n))
        data = np.zeros(shapes[1], np.int8)
        if op == "DEPTHWISE_CONV_2D":
            data = data.reshape(1, 1, 1, n)
        tensors = [
            TensorSpec(shapes[0], d.scale, 0, "int16"),
            TensorSpec(data.shape, d.scale2, data=data),
            TensorSpec((n,), _float32(d.scale * d.scale2), 0, dtype, bias),
            TensorSpec(shapes[2], out, 0, "int16"),
        ]
        options: dict[str, int] = {} if flat else {"strideH": 1, "strideW": 1}
        options |= {"depthMultiplier": n} if "DEPTH" in op else {}
        return single_op(op, tensors, **options), [np.zeros(shapes[0], np.int16)]

    return case


_SUM, _PRODUCT = lambda d: d.value * d.scale, lambda d: d.value * d.weight * d.scale * d.scale2
_NONE = {"fusedActivationFunction": 0}
CASES = {
    **{op: _unary(op) for op in ("RELU", "ABS", "QUANTIZE")},
    **{f"LEAKY_RELU {alpha}": _unary("LEAKY_RELU", alpha=alpha) for alpha in (0.5, 1.0, 1.3)},
    **{op: _pair(op, _SUM, lambda d: [7, 8, 2], (13, 7), **_NONE) for op in ("ADD", "SUB")},
    "MUL": _pair("MUL", _PRODUCT, lambda d: [d.weight, -d.weight], (0, 0), **_NONE),
    "BATCH_MATMUL": _matmul,
    "DIV": _pair("DIV", _quotient, lambda d: [d.weight, -d.weight], (0, 0), **_NONE),
    "PRELU above zero": _pair("PRELU", _SUM, lambda d: [d.weight], (0, 0)),
    "PRELU below zero": _pair("PRELU", _PRODUCT, lambda d: [d.weight], (0, 0)),
    "SQUARED_DIFFERENCE": _pair("SQUARED_DIFFERENCE", lambda d: (d.value * d.scale) ** 2, lambda d: [7, 8], (13, 7)),
    **{op: _reduce(op) for op in ("MEAN", "SUM")},
    "RSQRT": _rsqrt,
    "ELU": _elu,
    "HARD_SWISH": _hard_swish,
    **{f"{op} of int16, {t}": _biases(op, t) for op in ("FULLY_CONNECTED", "CONV_2D") for t in ("int32", "int64")},
    "DEPTHWISE_CONV_2D of int16": _biases("DEPTHWISE_CONV_2D", "int64"),
}


@pytest.mark.parametrize("name", CASES)
def test_next_to_a_half(name: str) -> None:
    for seed in range(TRIES):
        model, inputs = CASES[name](Draw(seed))
        found, expected = evaluate(read(model, "ties"), inputs)[0], oracle.run(model, inputs)
        np.testing.assert_array_equal(found, expected, err_msg=f"seed {seed}")
