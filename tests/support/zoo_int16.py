"""One model in which every operator of int16 that has no weights branches off the same image; each has an output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite

SHAPE = (1, 6, 6, 4)
_SCALE, _OTHER, _FRACTION = 2.0**-12.3, 2.0**-11.8, 1 / 32768

Branch = tuple[str, list[TensorSpec], list[TensorSpec], dict[str, object]]


def _wide(shape: tuple[int, ...] = SHAPE, scale: float = _SCALE, data: np.ndarray | None = None) -> TensorSpec:
    return TensorSpec(shape, float(np.float32(scale)), 0, "int16", data)


def _ints(*values: object) -> TensorSpec:
    data = np.array(values, np.int32)
    return TensorSpec(data.shape, dtype="int32", data=data)


def _functions() -> Iterator[Branch]:
    for op in ("LOGISTIC", "TANH", "SOFTMAX"):
        yield op, [], [_wide(scale=_FRACTION)], {"beta": 1.0} if op == "SOFTMAX" else {}
    for op in ("ABS", "RELU"):
        yield op, [], [_wide(scale=_OTHER)], {}
    yield "LEAKY_RELU", [], [_wide(scale=_OTHER)], {"alpha": 0.2}
    yield "RELU6", [], [_wide()], {}


def _pairs() -> Iterator[Branch]:
    channels = _wide((4,), _OTHER, np.array([9000, -32768, 32767, -50], np.int16))
    for op, scale in (("ADD", _OTHER), ("SUB", _OTHER), ("MUL", 2.0**-9), ("SQUARED_DIFFERENCE", 2.0**-7.7)):
        yield op, [channels], [_wide(scale=scale)], {"fusedActivationFunction": 1} if op == "SUB" else {}
    for op in ("MINIMUM", "MAXIMUM"):
        yield op, [_wide((1, 6, 4), _SCALE, np.arange(-12000, 12000, 1000, np.int16).reshape(1, 6, 4))], [_wide()], {}


def _windows() -> Iterator[Branch]:
    same = {"padding": 0, "strideH": 2, "strideW": 1, "filterHeight": 3, "filterWidth": 2}
    for op in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        yield op, [], [_wide((1, 3, 6, 4))], same | {"fusedActivationFunction": 3}
    for op in ("MEAN", "SUM"):
        yield op, [_ints(1, 2)], [_wide((1, 4), _OTHER)], {"keepDims": False}
        yield op, [_ints(2)], [_wide((1, 6, 1, 4), _OTHER)], {"keepDims": True}


def _movements() -> Iterator[Branch]:
    around = _ints([0, 0], [1, 2], [2, 1], [1, 0])
    yield "PAD", [around], [_wide((1, 9, 9, 5))], {}
    yield "PADV2", [around, _wide((1,), _SCALE, np.array([-12345], np.int16))], [_wide((1, 9, 9, 5))], {}
    yield "TRANSPOSE", [_ints(0, 3, 2, 1)], [_wide((1, 4, 6, 6))], {}
    yield "STRIDED_SLICE", [_ints(0, 5, 0, 0), _ints(1, -7, 6, 4), _ints(1, -2, 3, 1)], [_wide((1, 3, 2, 4))], {}


@cache
def zoo_int16_tflite() -> bytes:
    """The model."""
    tensors, ops, outputs = [_wide()], [], []
    for op, operands, results, options in (*_functions(), *_pairs(), *_windows(), *_movements()):
        first = len(tensors)
        tensors += operands + results
        made = range(first + len(operands), len(tensors))
        ops.append(OpSpec(op, (0, *range(first, first + len(operands))), tuple(made), options))
        outputs += made
    return write_tflite(tensors, ops, [0], outputs)
