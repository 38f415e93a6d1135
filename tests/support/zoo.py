"""One model in which every operator without weights or state branches off the same image; each has an output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite

SHAPE = (1, 6, 6, 4)
_QUANT = (0.05, 3)
_OTHER = (0.08, -4)
_COPY = TensorSpec(SHAPE, *_QUANT)

Branch = tuple[str, list[TensorSpec], list[TensorSpec], dict[str, object]]


def _ints(*values: object) -> TensorSpec:
    data = np.array(values, np.int32)
    return TensorSpec(data.shape, dtype="int32", data=data)


def _moved(*shape: int) -> list[TensorSpec]:
    return [TensorSpec(shape, *_QUANT)]


def _unary() -> Iterator[Branch]:
    scales = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
    for op in ("LOGISTIC", "TANH", "HARD_SWISH", "ELU", "ABS", "RELU", "QUANTIZE"):
        yield op, [], [TensorSpec(SHAPE, *scales.get(op, _OTHER))], {}
    yield "LEAKY_RELU", [], [TensorSpec(SHAPE, *_OTHER)], {"alpha": 0.2}


def _binary() -> Iterator[Branch]:
    channels = np.array([[[[90, -70, 30, -128]]]], np.int8)
    for op in ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "PRELU"):
        out = TensorSpec(SHAPE, 0.15, -10)
        yield op, [TensorSpec(channels.shape, 0.03, 5, data=channels)], [out], {}
    yield "DIV", [TensorSpec(channels.shape, 0.03, 5, data=channels)], [TensorSpec(SHAPE, 0.02, -10)], {}
    for op in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"):
        yield op, [TensorSpec(channels.shape, 0.03, 5, data=channels)], [TensorSpec(SHAPE, dtype="bool")], {}
    for op in ("MINIMUM", "MAXIMUM"):
        yield op, [TensorSpec(channels.shape, *_QUANT, data=channels)], [_COPY], {}


def _reductions() -> Iterator[Branch]:
    for op in ("MEAN", "SUM", "REDUCE_MAX"):
        quant = _QUANT if op == "REDUCE_MAX" else (0.3, 9)
        yield op, [_ints(1, 2)], [TensorSpec((1, 4), *quant)], {"keepDims": False}
        yield op, [_ints(2)], [TensorSpec((1, 6, 1, 4), *quant)], {"keepDims": True}


def _places() -> Iterator[Branch]:
    for op, axis in (("ARG_MAX", 3), ("ARG_MIN", 1)):
        yield op, [_ints(axis)], [TensorSpec((1, 6, 6) if axis == 3 else (1, 6, 4), dtype="int32")], {}
    yield "CAST", [], [TensorSpec(SHAPE, dtype="bool")], {}


def _movements() -> Iterator[Branch]:
    yield (
        "CONCATENATION",
        [TensorSpec((1, 6, 1, 4), *_QUANT, data=np.arange(24, dtype=np.int8))],
        _moved(1, 6, 7, 4),
        {"axis": 2},
    )
    yield "PACK", [], _moved(1, 1, 6, 6, 4), {"axis": 1, "valuesCount": 1}
    yield "SPLIT_V", [_ints(1, 3), _ints(3)], [*_moved(1, 6, 6, 1), *_moved(1, 6, 6, 3)], {"numSplits": 2}
    yield "UNPACK", [], _moved(1, 6, 4) * 6, {"axis": 2, "num": 6}
    yield "SLICE", [_ints(0, 1, 2, 1), _ints(1, 4, 3, 2)], _moved(1, 4, 3, 2), {}
    yield "STRIDED_SLICE", [_ints(0, 5, 0, 0), _ints(1, -7, 6, 4), _ints(1, -2, 3, 1)], _moved(1, 3, 2, 4), {}
    yield "TRANSPOSE", [_ints(0, 3, 2, 1)], _moved(1, 4, 6, 6), {}
    yield "EXPAND_DIMS", [_ints(0)], _moved(1, *SHAPE), {}
    yield "BROADCAST_TO", [_ints(2, 6, 6, 4)], _moved(2, 6, 6, 4), {}
    yield "GATHER_ND", [_ints([0, 5], [0, 1], [0, 5])], _moved(3, 6, 4), {}
    yield "GATHER", [_ints(3, 3, 0, 1, 5, 4)], _moved(1, 6, 6, 4), {"axis": 1}
    yield "DEPTH_TO_SPACE", [], _moved(1, 12, 12, 1), {"blockSize": 2}
    yield "SPACE_TO_DEPTH", [], _moved(1, 3, 3, 16), {"blockSize": 2}
    yield "BATCH_TO_SPACE_ND", [_ints(1, 1), _ints([1, 0], [0, 2])], _moved(1, 5, 4, 4), {}
    yield "SPACE_TO_BATCH_ND", [_ints(2, 3), _ints([0, 0], [0, 0])], _moved(6, 3, 2, 4), {}
    yield "RESIZE_NEAREST_NEIGHBOR", [_ints(9, 12)], _moved(1, 9, 12, 4), {}
    yield "RESIZE_BILINEAR", [_ints(9, 11)], _moved(1, 9, 11, 4), {"halfPixelCenters": True}
    yield "RESIZE_BILINEAR", [_ints(3, 7)], _moved(1, 3, 7, 4), {"alignCorners": True}
    matrix = np.random.default_rng(4).integers(-128, 128, (1, 6, 5, 4)).astype(np.int8)
    yield (
        "BATCH_MATMUL",
        [TensorSpec(matrix.shape, 0.02, -3, data=matrix)],
        [TensorSpec((1, 6, 6, 5), 0.2, 1)],
        {"adjY": True},
    )
    yield "BATCH_MATMUL", [TensorSpec((4, 5), 0.02, -3, data=matrix[0, 0].T)], [TensorSpec((1, 6, 6, 5), 0.2, 1)], {}
    yield "MIRROR_PAD", [_ints([0, 0], [1, 2], [2, 1], [0, 0])], _moved(1, 9, 9, 4), {"mode": 0}
    yield "REVERSE_V2", [_ints(2)], _moved(1, 6, 6, 4), {}


def branches() -> list[Branch]:
    """Operator, operands besides the image, outputs, options."""
    return [*_unary(), *_binary(), *_reductions(), *_places(), *_movements()]


# Operators of what other branches give: their results, which output of those each operand is, and what they give.
_BOOL = TensorSpec(SHAPE, dtype="bool")
_SECOND = (
    ("LOGICAL_AND", ("GREATER", "LESS_EQUAL"), _BOOL),
    ("LOGICAL_OR", ("GREATER", "EQUAL"), _BOOL),
    ("LOGICAL_NOT", ("EQUAL",), _BOOL),
    ("SELECT_V2", ("GREATER", "MINIMUM", "MAXIMUM"), _COPY),
    ("CAST", ("EQUAL",), TensorSpec(SHAPE, dtype="int32")),
    ("CAST", ("ARG_MAX",), TensorSpec((1, 6, 6), dtype="int16")),
    ("CAST", ("GREATER",), TensorSpec(SHAPE, dtype="int8")),
)


@cache
def zoo_tflite() -> bytes:
    """The model."""
    tensors, ops, outputs = [TensorSpec(SHAPE, *_QUANT, name="image")], [], []
    for op, operands, results, options in branches():
        first = len(tensors)
        tensors += operands + results
        made = range(first + len(operands), len(tensors))
        ops.append(OpSpec(op, (0, *range(first, first + len(operands))), tuple(made), options))
        outputs += made
    results_of = {op.name: op.outputs[0] for op in ops}
    for code, operands_of, result in _SECOND:
        ops.append(OpSpec(code, tuple(results_of[name] for name in operands_of), (len(tensors),)))
        outputs.append(len(tensors))
        tensors.append(result)
    return write_tflite(tensors, ops, [0], outputs)
