"""``.tflite`` files that lie about everything: each ends in one sentence, in bounded time and memory, through the command line."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.support import hostile
from tests.support.streaming_tflite import streaming_tflite
from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.tflite import schema as slots
from tinymlaas.tflite.reader import Reader, Table

LARGE = (1 << 31) - 1


def small() -> bytes:
    """A fully-connected layer and a reshape."""
    tensors = [
        TensorSpec((1, 4), 0.5, 3, name="x"),
        TensorSpec((4, 4), 0.1, 0, data=np.eye(4, dtype=np.int8), name="w"),
        TensorSpec((1, 4), 0.5, 3, name="y"),
        TensorSpec((2,), dtype="int32", data=np.array([2, 2], np.int32), name="s"),
        TensorSpec((2, 2), 0.5, 3, name="z"),
    ]
    ops = [OpSpec("FULLY_CONNECTED", (0, 1, -1), (2,)), OpSpec("RESHAPE", (2, 3), (4,), {"newShape": [2, 2]})]
    return write_tflite(tensors, ops, [0], [4])


def changed(change: Callable[[Any], None], data: bytes = b"") -> bytes:
    """The small model with its tables changed, packed again."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data or small(), 0))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def setting(place: str, value: Any) -> bytes:
    """The small model with one field changed: ``subgraphs.0.tensors.1.shape``."""

    def change(model: Any) -> None:
        *way, last = place.split(".")
        for name in way:
            model = model[int(name)] if name.isdigit() else getattr(model, name)
        setattr(model, last, value)

    return changed(change)


def graph_table(data: bytes) -> Table:
    """The table of the only graph."""
    return Reader(data, "x").root(slots.IDENTIFIER).tables(slots.Model.SUBGRAPHS)[0]


def overwritten(slot: int, value: int, *, count: bool) -> bytes:
    """The number of entries of a vector of the graph, or the reference to its first, as ``value``."""
    data, table = bytearray(small()), graph_table(small())
    start, _ = table._vector(slot, 4)
    struct.pack_into("<I", data, start - 4 if count else start, value)
    return bytes(data)


def itself(slot: int) -> bytes:
    """A list whose first table lies where the list's own reference is."""
    return overwritten(slot, 0, count=False)


def chain(layers: int, code: str = "RELU") -> bytes:
    """One layer behind the other."""
    tensors = [TensorSpec((1, 16), 0.05, 3) for _ in range(layers + 1)]
    return write_tflite(tensors, [OpSpec(code, (i,), (i + 1,)) for i in range(layers)], [0], [layers])


def enormous_reshape() -> bytes:
    """A thousand million elements, no more than a few numbers in the file."""
    tensors = [
        TensorSpec((1, 10**9), 0.5, 3),
        TensorSpec((2,), dtype="int32", data=np.array([10**9, 1], np.int32)),
        TensorSpec((10**9, 1), 0.5, 3),
    ]
    return write_tflite(tensors, [OpSpec("RESHAPE", (0, 1), (2,))], [0], [2])


def moved(code: str, parameter: np.ndarray, shape: tuple[int, ...], out: tuple[int, ...], **options: Any) -> bytes:
    """A layer that moves elements, told how by a constant."""
    tensors = [
        TensorSpec(shape, 0.5, 3),
        TensorSpec(parameter.shape, dtype="int32", data=parameter.astype(np.int32)),
        TensorSpec(out, 0.5, 3),
    ]
    return write_tflite(tensors, [OpSpec(code, (0, 1), (2,), options)], [0], [2])


def many_inputs() -> bytes:
    """One large tensor joined with itself, again and again."""
    tensors = [TensorSpec((1, 1 << 22), 0.5, 3), TensorSpec((1, 1 << 22), 0.5, 3)]
    return write_tflite(tensors, [OpSpec("CONCATENATION", (0,) * 10000, (1,), {"axis": 1})], [0], [1])


def heavy() -> bytes:
    """A convolution of 2^40 multiplications with all of its weights in the file."""
    weights = np.zeros((256, 16, 16, 16), np.int8)
    tensors = [
        TensorSpec((1, 512, 512, 16), 0.5, 3),
        TensorSpec(weights.shape, 0.1, 0, data=weights),
        TensorSpec((1, 171, 171, 256), 0.5, 3),
    ]
    ops = [OpSpec("CONV_2D", (0, 1), (2,), {"padding": 0, "strideH": 3, "strideW": 3})]
    return write_tflite(tensors, ops, [0], [2])


def spread(stride: int, channels: int, out: int) -> bytes:
    """A transposed convolution of one pixel whose filters are narrower than its strides."""
    weights = np.zeros((channels, 1, 1, channels), np.int8)
    tensors = [
        TensorSpec((4,), dtype="int32", data=np.array([1, out, out, channels], np.int32)),
        TensorSpec(weights.shape, 0.1, 0, data=weights),
        TensorSpec((1, 1, 1, channels), 0.5, 3),
        TensorSpec((1, out, out, channels), 0.5, 3),
    ]
    ops = [OpSpec("TRANSPOSE_CONV", (0, 1, 2), (3,), {"padding": 1, "strideH": stride, "strideW": stride})]
    return write_tflite(tensors, ops, [2], [3])


def calls_itself() -> bytes:
    """CALL_ONCE of the graph that calls."""

    def change(model: Any) -> None:
        model.subgraphs = [model.subgraphs[0], model.subgraphs[0]]

    return changed(change, streaming_tflite())


SHAPE, SCALE = "subgraphs.0.tensors.0.shape", "subgraphs.0.tensors.0.quantization.scale"
ZERO = "subgraphs.0.tensors.0.quantization.zeroPoint"
MODELS = {
    "no_bytes": (b"", "not a .tflite file"),
    "only_a_name": (b"\x08\0\0\0TFL3", "damaged"),
    "tensors_2e31": (overwritten(slots.SubGraph.TENSORS, 1 << 31, count=True), "reaches beyond the end"),
    "operators_2e31": (overwritten(slots.SubGraph.OPERATORS, 1 << 31, count=True), "reaches beyond the end"),
    "inputs_2e32": (overwritten(slots.SubGraph.INPUTS, 0xFFFFFFFF, count=True), "reaches beyond the end"),
    "tensor_outside": (overwritten(slots.SubGraph.TENSORS, 1 << 30, count=False), "reaches beyond the end"),
    "tensor_is_its_list": (itself(slots.SubGraph.TENSORS), ""),
    "operator_is_its_list": (itself(slots.SubGraph.OPERATORS), ""),
    "shape_2e31": (setting(SHAPE, [1, LARGE]), "more than 268435456 elements"),
    "shape_2e62": (setting(SHAPE, [LARGE, LARGE]), "more than 268435456 elements"),
    "shape_of_nothing_and_too_much": (setting(SHAPE, [0, LARGE, LARGE]), "more than 268435456 elements"),
    "shape_negative": (setting(SHAPE, [1, -4]), "not fixed"),
    "shape_of_nine": (setting(SHAPE, [1] * 9), "9 dimensions"),
    "shape_of_nothing": (setting(SHAPE, [1, 0]), "that are not 0"),
    "rank_eight": (setting("subgraphs.0.tensors.4.shape", [1] * 6 + [2, 2]), "up to 6 dimensions"),
    "buffer_beyond_the_end": (setting("buffers.1.offset", 1 << 40), "outside the FlatBuffer"),
    "buffer_short": (setting("buffers.1.data", [1, 2, 3]), "needs 16 B, its buffer has 3 B"),
    "buffer_unknown": (setting("subgraphs.0.tensors.1.buffer", 1000), "buffer 1000 of"),
    "scale_nan": (setting(SCALE, [float("nan")]), "negative or not a number"),
    "scale_infinite": (setting(SCALE, [float("inf")]), "negative or not a number"),
    "scale_negative": (setting(SCALE, [-1.0]), "negative or not a number"),
    "scale_zero": (setting(SCALE, [0.0]), "scale 0.0"),
    "scale_tiny": (setting(SCALE, [1e-45]), ""),
    "scale_huge": (setting(SCALE, [3e38]), "do not go together"),
    "scales_too_many": (setting(SCALE, [0.5] * 3), "3 scales"),
    "zero_point_out_of_range": (setting(ZERO, [128]), "zero point 128"),
    "zero_point_2e63": (setting(ZERO, [-(1 << 63)]), "zero point"),
    "zero_points_too_many": (setting(ZERO, [0, 0]), "2 zero points"),
    "output_written_twice": (setting("subgraphs.0.operators.1.outputs", [2]), "already written"),
    "outputs_twice": (setting("subgraphs.0.operators.0.outputs", [2, 2]), "2 outputs"),
    "output_is_constant": (setting("subgraphs.0.operators.0.outputs", [1]), "is a constant"),
    "reads_what_nobody_wrote": (setting("subgraphs.0.operators.0.inputs", [4, 1, -1]), "nothing has written before"),
    "reads_itself": (setting("subgraphs.0.operators.0.inputs", [2, 1, -1]), "nothing has written before"),
    "no_operands": (setting("subgraphs.0.operators.0.inputs", []), "no input"),
    "no_first_operand": (setting("subgraphs.0.operators.0.inputs", [-1, 1, -1]), "no input"),
    "no_result": (setting("subgraphs.0.operators.1.outputs", []), "no input, or no output"),
    "tensor_unknown": (setting("subgraphs.0.operators.0.inputs", [LARGE, 1, -1]), f"tensor {LARGE} of 5"),
    "code_unknown": (setting("subgraphs.0.operators.0.opcodeIndex", 9), "operator code 9 of 2"),
    "operator_unknown": (setting("operatorCodes.0.builtinCode", 5000), "#5000"),
    "type_unknown": (setting("subgraphs.0.tensors.0.type", 99), "#99"),
    "no_inputs": (setting("subgraphs.0.inputs", []), "inputs []"),
    "inputs_twice": (setting("subgraphs.0.inputs", [0, 0]), "one twice"),
    "no_graph": (setting("subgraphs", []), "no graph"),
    "calls_itself": (calls_itself(), "first values"),
    "reshape_1e9": (enormous_reshape(), "more than 268435456 elements"),
    "chain_20000": (chain(20000), "up to 16384"),
    "chain_5000": (chain(5000), "5000 layers, supported are up to 4096"),
    "heavy": (heavy(), "multiply-accumulates"),
    "strides_2e31": (spread(LARGE, 1, 1), f"stride_h is {LARGE}"),
    "strides_of_zeros": (spread(255, 64, 1), "make 266342400 weights of 4096"),
    "joined_10000_times": (many_inputs(), "makes 41943040000 elements"),
    "broadcast_2e62": (moved("BROADCAST_TO", np.array([LARGE, LARGE]), (1, 1), (1, 1)), ""),
    "mirrored_8_times": (moved("MIRROR_PAD", np.full((8, 2), 7), (8,) * 7 + (1,), (8,) * 7 + (1,)), ""),
    "resized_2e31": (moved("RESIZE_NEAREST_NEIGHBOR", np.array([LARGE, LARGE]), (1, 1, 1, 1), (1, 1, 1, 1)), "makes"),
    "gathered_2e38": (moved("GATHER", np.zeros(1 << 16), (1, 1 << 22), (1, 1 << 22), axis=0), "makes"),
}  # fmt: skip


@pytest.mark.parametrize("command", [("convert",), ("inspect",), ("inspect", "--support"), ("fit",)], ids=" ".join)
def test_models_that_lie(tmp_path: Path, command: tuple[str, ...]) -> None:
    for name, (data, _) in MODELS.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
    outcomes = hostile.run([[*command, str(tmp_path / f"{name}.tflite")] for name in MODELS])
    wrong = [o for o in outcomes if not hostile.is_clean(o)]
    assert not wrong, wrong[0]
    if command == ("convert",):
        said = {name: o.talk for o, name in zip(outcomes, MODELS, strict=True)}
        assert {name: said[name] for name, (_, words) in MODELS.items() if words not in said[name]} == {}


def test_every_truncation_through_the_command_line(tmp_path: Path) -> None:
    data, path = streaming_tflite(), tmp_path / "cut"
    path.mkdir()
    for length in range(len(data)):
        (path / f"{length}.tflite").write_bytes(data[:length])
    outcomes = hostile.run([["convert", str(path / f"{n}.tflite")] for n in range(len(data))])
    assert [o for o in outcomes if not hostile.is_clean(o)] == []
    assert sum(o.code == 1 for o in outcomes) > len(data) - 16  # what ends the file may be padding


def test_the_deepest_chain_that_is_taken(tmp_path: Path) -> None:
    """No recursion, and no pass whose time grows with the square in a way that hurts; it takes more than a damaged file may."""
    path = tmp_path / "deep.tflite"
    path.write_bytes(chain(1000, "ABS"))
    (outcome,) = hostile.run([["convert", str(path)]])
    assert (outcome.code, outcome.crash) == (0, ""), outcome


def test_an_inconsistent_outcome_is_seen() -> None:
    assert not hostile.is_clean(hostile.Outcome((), 1, "Traceback (most recent call last):\n boom", 0, ""))
    assert not hostile.is_clean(hostile.Outcome((), 0, "", 0, "Traceback"))
