"""Small modules in which every operator occurs."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.support.small_int16 import small_int16
from tests.support.small_wide import small_wide
from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import compile_model, plan_graph
from tinymlaas.evaluate import evaluate
from tinymlaas.graph import Graph, Op, Quant, State, Tensor
from tinymlaas.ops.concatenation import Concatenation
from tinymlaas.ops.movement import NoAttributes
from tinymlaas.pack import pack, selftest_inputs, selftest_of
from tinymlaas.passes.pipeline import run_passes
from tinymlaas.unpack import unpack

# 0 is NONE and 1 RELU in the schema's ActivationFunctionType; padding 0 is SAME, 1 is VALID.
_WINDOW = {"padding": 0, "strideH": 1, "strideW": 1}
_POOL = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}


def _constant(rng: np.random.Generator, shape: tuple[int, ...], axis: int = 0) -> TensorSpec:
    channels = shape[axis]
    data = rng.integers(-127, 128, shape).astype(np.int8)
    return TensorSpec(shape, [0.01] * channels, [0] * channels, data=data, axis=axis)


def _bias(rng: np.random.Generator, channels: int) -> TensorSpec:
    data = rng.integers(-500, 500, channels).astype(np.int32)
    return TensorSpec((channels,), [0.0005] * channels, [0] * channels, "int32", data)


@cache
def small_tflite() -> bytes:
    """PAD, CONV_2D, DEPTHWISE_CONV_2D, MAX_POOL_2D, ADD, AVERAGE_POOL_2D, FULLY_CONNECTED, SOFTMAX; RESHAPE to a second output;
    MEAN, MUL, CONCATENATION to a third; TANH, GATHER to a fourth; BATCH_MATMUL; RESIZE_BILINEAR."""
    rng = np.random.default_rng(7)
    tensors = [
        TensorSpec((1, 5, 5, 2), 0.05, 3, name="image"),
        TensorSpec((4, 2), dtype="int32", data=np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32)),
        TensorSpec((1, 8, 6, 2), 0.05, 3),
        _constant(rng, (3, 3, 3, 2)),
        _bias(rng, 3),
        TensorSpec((1, 8, 6, 3), 0.1, -5),
        _constant(rng, (1, 3, 3, 6), axis=3),
        _bias(rng, 6),
        TensorSpec((1, 8, 6, 6), 0.2, 4),
        TensorSpec((1, 4, 3, 6), 0.2, 4),
        TensorSpec((1, 4, 3, 6), 0.3, -1),
        TensorSpec((1, 2, 1, 6), 0.3, -1),
        _constant(rng, (5, 12)),
        _bias(rng, 5),
        TensorSpec((1, 5), 0.1, 2),
        TensorSpec((1, 5), 1 / 256, -128, name="class"),
        TensorSpec((2,), dtype="int32", data=np.array([1, 50], np.int32)),
        TensorSpec((1, 50), 0.05, 3, name="flat"),
        TensorSpec((2,), dtype="int32", data=np.array([1, 2], np.int32)),
        TensorSpec((1, 1, 1, 6), 0.1, 7),
        TensorSpec((1, 4, 3, 6), 0.3, -1),
        TensorSpec((1, 4, 3, 12), 0.3, -1, name="joined"),
        TensorSpec((1, 5), 1 / 128, 0),
        TensorSpec((7,), dtype="int32", data=np.array([0, 3, 1, 4, 4, 0, 2], np.int32)),
        TensorSpec((1, 7), 1 / 128, 0, name="picked"),
        TensorSpec((1, 4, 3, 3), 1.5, 4, name="products"),
        TensorSpec((2,), dtype="int32", data=np.array([6, 3], np.int32)),
        TensorSpec((1, 6, 3, 2), 0.05, 3, name="resized"),
    ]
    ops = [
        OpSpec("PAD", (0, 1), (2,)),
        OpSpec("CONV_2D", (2, 3, 4), (5,), _WINDOW | {"fusedActivationFunction": 1}),
        OpSpec("DEPTHWISE_CONV_2D", (5, 6, 7), (8,), _WINDOW | {"depthMultiplier": 2}),
        OpSpec("MAX_POOL_2D", (8,), (9,), _POOL),
        OpSpec("ADD", (9, 9), (10,)),
        OpSpec("AVERAGE_POOL_2D", (10,), (11,), _POOL),
        OpSpec("FULLY_CONNECTED", (11, 12, 13), (14,)),
        OpSpec("SOFTMAX", (14,), (15,), {"beta": 1.0}),
        OpSpec("RESHAPE", (0, 16), (17,), {"newShape": [1, 50]}),
        OpSpec("MEAN", (10, 18), (19,), {"keepDims": True}),
        OpSpec("MUL", (10, 19), (20,)),
        OpSpec("CONCATENATION", (10, 20), (21,), {"axis": 3}),
        OpSpec("TANH", (14,), (22,)),
        OpSpec("GATHER", (22, 23), (24,), {"axis": 1}),
        OpSpec("BATCH_MATMUL", (9, 10), (25,), {"adjY": True}),
        OpSpec("RESIZE_BILINEAR", (0, 26), (27,), {"halfPixelCenters": True}),
    ]
    return write_tflite(tensors, ops, [0], [15, 17, 21, 24, 25, 27])


@cache
def small_streaming() -> bytes:
    """A module that remembers the last three of five rows, for any target."""
    rows, quant = lambda n: (1, n, 4), Quant((0.05,), (3,))
    shapes = {"new": rows(2), "old": rows(3), "all": rows(5), "kept": rows(3), "state": rows(3)}
    places = [
        Tensor(n, (3,), "int32", None, np.array(v, np.int32)) for n, v in (("begin", [0, 2, 0]), ("size", [1, 3, 4]))
    ]
    tensors = (*(Tensor(name, shape, "int8", quant) for name, shape in shapes.items()), *places)
    ops = (
        Op("CONCATENATION", "all", 0, (1, 0), (2,), Concatenation(1, "NONE")),
        Op("SLICE", "kept", 1, (2, 5, 6), (3,), NoAttributes()),
        Op("ASSIGN_VARIABLE", "state", 2, (3,), (4,), NoAttributes()),
    )
    graph = Graph("stream", tensors, ops, (0,), (2,), states=(State(1, 4, bytes(range(12))),))
    inputs = [np.frombuffer(x, np.int8).reshape(rows(2)) for x in selftest_inputs(1, [8])]
    tests = [selftest_of(1, evaluate(graph, inputs))]
    return pack(plan_graph(run_passes(graph, "any"), "any", {}), tests)


@cache
def small_module() -> bytes:
    """The module of small_tflite, for any target."""
    return compile_model(small_tflite(), "small").module


@cache
def remembering_tflite() -> bytes:
    """Layers that remember and integers of other sizes: QUANTIZE from int16, SVDF with a state of int8, LSTM, SVDF with a
    state of int16, SOFTMAX to int16, QUANTIZE to int32."""
    rng = np.random.default_rng(8)

    def weights(shape: int | tuple[int, ...], dtype: str = "int8") -> np.ndarray:
        return rng.integers(-99, 100, shape).astype(dtype)

    sequence = (1, 2, 4)  # of SVDF's outputs, as the LSTM sees them
    tensors = [
        TensorSpec((1, 8), 0.0002, 0, "int16", name="sound"),
        TensorSpec((1, 8), 0.05, 3),
        TensorSpec((16, 8), 0.01, data=weights((16, 8))),
        TensorSpec((16, 3), 0.02, data=weights((16, 3))),
        TensorSpec((8,), 0.006, dtype="int32", data=weights(8, "int32")),
        TensorSpec((1, 48), 0.3, -5, variable=True),
        TensorSpec((1, 8), 0.2, 7),
        TensorSpec((3,), dtype="int32", data=np.array(sequence, np.int32)),
        TensorSpec(sequence, 0.2, 7),
        *(TensorSpec((3, 4), 0.01, data=weights((3, 4))) for _ in range(4)),
        *(TensorSpec((3, 3), 0.02, data=weights((3, 3))) for _ in range(4)),
        *(TensorSpec((3,), 0.002, dtype="int32", data=weights(3, "int32")) for _ in range(4)),
        TensorSpec((1, 3), 1 / 128, 2, variable=True),
        TensorSpec((1, 3), 2**-11, 0, "int16", variable=True),
        TensorSpec((1, 2, 3), 1 / 128, 2),
        TensorSpec((2,), dtype="int32", data=np.array([1, 6], np.int32)),
        TensorSpec((1, 6), 1 / 128, 2),
        TensorSpec((5, 6), 0.01, data=weights((5, 6))),
        TensorSpec((5, 2), 0.001, data=weights((5, 2), "int16"), dtype="int16"),
        TensorSpec((5,), 2e-6, dtype="int32", data=weights(5, "int32")),
        TensorSpec((1, 10), 0.002, 0, "int16", variable=True),
        TensorSpec((1, 5), 0.1, -3),
        TensorSpec((1, 5), 1 / 65536, -32768, "int16"),
        TensorSpec((1, 5), 1 / 32768, 0, "int32", name="class"),
    ]
    lstm = (8, *range(9, 17), -1, -1, -1, *range(17, 21), -1, -1, 21, 22, -1, -1, -1, -1)
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("SVDF", (1, 2, 3, 4, 5), (6,), {"rank": 2}),
        OpSpec("RESHAPE", (6, 7), (8,), {"newShape": list(sequence)}),
        OpSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm, (23,), {"fusedActivationFunction": 4, "cellClip": 10.0}),
        OpSpec("RESHAPE", (23, 24), (25,), {"newShape": [1, 6]}),
        OpSpec("SVDF", (25, 26, 27, 28, 29), (30,), {"rank": 1}),
        OpSpec("SOFTMAX", (30,), (31,), {"beta": 1.0}),
        OpSpec("QUANTIZE", (31,), (32,)),
    ]
    return write_tflite(tensors, ops, [0], [32])


@cache
def small_remembering() -> bytes:
    """The module of remembering_tflite, for any target."""
    return compile_model(remembering_tflite(), "remembering").module


def module_with(op: str) -> bytes:
    """A small module in which a kernel occurs."""
    modules = (small_module(), small_remembering(), small_int16(), small_wide())
    return next(m for m in modules if op in {name for name, _ in unpack(m).records})
