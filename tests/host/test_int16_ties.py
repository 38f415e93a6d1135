"""Functions of int16 for every number there is, at scales under which results fall next to the middle between two integers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import oracle
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.evaluate import evaluate
from tinymlaas.tflite.importer import read

ALL = np.arange(-(1 << 15), 1 << 15, dtype=np.int16)
TRIES = 20


def _spec(scale: float, shape: tuple[int, ...] = ALL.shape) -> TensorSpec:
    return TensorSpec(shape, scale, 0, "int16")


def _scales(rng: np.random.Generator, real: float) -> tuple[float, float]:
    """Of an input, and of the output that puts real * input scale next to a half."""
    scale = np.float32(rng.uniform(0.5, 2) * 2.0**-13)
    out = np.float32(real * float(scale) / (int(rng.integers(1000, 20000)) + 0.5))
    return float(scale), float(np.nextafter(out, np.float32(rng.choice([0, out, np.inf]))))


def _equal(model: bytes, *inputs: np.ndarray) -> None:
    found = evaluate(read(model, "ties"), inputs)[0]
    np.testing.assert_array_equal(found, oracle.run(model, inputs))


@pytest.mark.parametrize("alpha", [None, 0.5, 1.3])
def test_lines_through_zero(alpha: float | None) -> None:
    rng, op = np.random.default_rng(1), "ABS" if alpha is None else "LEAKY_RELU"
    for _ in range(TRIES):
        factor = float(np.float32(alpha)) if alpha and rng.random() < 0.5 else 1.0
        scale, out = _scales(rng, factor * int(rng.integers(1000, 30000)))
        options = {"alpha": alpha} if alpha else {}
        _equal(single_op(op, [_spec(scale), _spec(out)], **options), ALL)


@pytest.mark.parametrize("op", ["RELU", "MEAN", "SUM", "ADD", "SUB", "MUL", "SQUARED_DIFFERENCE"])
def test_next_to_a_half(op: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(TRIES):
        value, other = int(rng.integers(1000, 30000)), int(rng.integers(2, 30000))
        second = float(np.float32(rng.uniform(0.5, 2) * 2.0**-13))
        scale, out = _scales(rng, {"MUL": value * other * second, "MEAN": value / 3}.get(op, value))
        if op == "RELU":
            _equal(single_op(op, [_spec(scale), _spec(out)]), ALL)
        elif op in ("MEAN", "SUM"):
            x = np.zeros((ALL.size, 3), np.int16)
            x[:, 0] = ALL
            axis = TensorSpec((1,), dtype="int32", data=np.array([1], np.int32))
            _equal(single_op(op, [_spec(scale, x.shape), axis, _spec(out)], keepDims=False), x)
        else:
            if op == "SQUARED_DIFFERENCE":
                out = float(np.float32((value * scale) ** 2 / (int(rng.integers(1000, 20000)) + 0.5)))
            b = np.full(ALL.shape, other if op == "MUL" else 0, np.int16)
            _equal(single_op(op, [_spec(scale), _spec(second), _spec(out)]), ALL, b)


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("exponent", [-15, -12, -11, -10.5, -9, -5, 1])
def test_sigmoids_of_every_number(op: str, exponent: float) -> None:
    """Scales from those at which all numbers are in the middle of the table to those at which nearly all are behind its end."""
    scale = float(np.float32(2.0**exponent))
    _equal(single_op(op, [_spec(scale), _spec(1 / 32768)]), ALL)


@pytest.mark.parametrize("exponent", [-14, -12.3, -9, -3])
def test_exponentials_of_every_difference(exponent: float) -> None:
    """Rows of a largest element and another: the tables of the package, entry by entry."""
    x = np.stack([np.full(ALL.shape, 32767, np.int16), ALL], axis=1)
    tensors = [_spec(float(np.float32(2.0**exponent)), x.shape), _spec(1 / 32768, x.shape)]
    _equal(single_op("SOFTMAX", tensors, beta=1.0), x)


def test_reciprocals_of_many_sums() -> None:
    """Rows that end in a number of large elements: sums all over their range."""
    rng = np.random.default_rng(3)
    x = rng.integers(-32768, 32768, (3000, 9)).astype(np.int16)
    x[:, 1:] = np.where(rng.random((3000, 8)) < rng.random((3000, 1)), x[:, :1], x[:, 1:])
    tensors = [_spec(2.0**-13, x.shape), _spec(1 / 32768, x.shape)]
    _equal(single_op("SOFTMAX", tensors, beta=0.7), x)
