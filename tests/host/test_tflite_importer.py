"""What the importer refuses, and how it says so; labels; tensors as they stand in the file."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.support.tflite_writer import OpSpec, TensorSpec, single_op, write_tflite
from tinymlaas.errors import ModelError, TinymlError, UnsupportedError
from tinymlaas.ops import OPS
from tinymlaas.tflite.importer import read
from tinymlaas.tflite.schema import BUILTIN_OPERATORS, TENSOR_TYPES

ACT = TensorSpec((1, 4), 0.5, 3)
WIDE = TensorSpec((1, 4), 0.5, 0, "int16")
WINDOW = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
POOL = {"padding": 1, "strideH": 1, "strideW": 1, "filterHeight": 2, "filterWidth": 2}


def _constant(shape: tuple[int, ...], dtype: str = "int8", scale: float = 0.5, zero_point: int = 0) -> TensorSpec:
    return TensorSpec(shape, scale, zero_point, dtype, np.ones(shape, dtype))


def _error(data: bytes) -> TinymlError:
    with pytest.raises((ModelError, UnsupportedError)) as caught:
        _import(data)
    return caught.value


def _import(data: bytes) -> None:
    graph = read(data, "x.tflite")
    for op in graph.ops:
        OPS[op.code].check(graph, op)


def _conv(**changes: object) -> bytes:
    parts = {
        "image": TensorSpec((1, 4, 4, 2), 0.5, 3),
        "weights": _constant((3, 2, 2, 2)),
        "bias": _constant((3,), "int32", 0.25),
        "out": TensorSpec((1, 3, 3, 3), 0.5, 3),
    }
    tensors = [replace(spec, **changes.pop(name, {})) for name, spec in parts.items()]
    return single_op("CONV_2D", tensors, **WINDOW | changes)


def _fully_connected(
    image: TensorSpec = ACT, weights: TensorSpec | None = None, out: TensorSpec = ACT, **options: object
) -> bytes:
    return single_op("FULLY_CONNECTED", [image, weights or _constant((4, 4)), out], **options)


def _wide_bias(value: int) -> bytes:
    bias = TensorSpec((4,), 0.25, 0, "int64", np.array([0, 1, -value, 3], np.int64))
    return single_op("FULLY_CONNECTED", [WIDE, _constant((4, 4)), bias, WIDE])


def test_largest_of_int16_are_sound() -> None:
    _import(_wide_bias(1 << 46))
    _import(_fully_connected(WIDE, _constant((4, 4), scale=63.0), replace(WIDE, scale=0.25)))


def test_conv_is_sound() -> None:
    graph = read(_conv(), "x.tflite")
    OPS["CONV_2D"].check(graph, graph.ops[0])
    assert [t.shape for t in graph.tensors] == [(1, 4, 4, 2), (3, 2, 2, 2), (3,), (1, 3, 3, 3)]
    assert graph.tensor(0).quant.scale == 0.5
    assert graph.tensor(1).data.sum() == 24


UNSUPPORTED: dict[str, tuple[Callable[[], bytes], str]] = {
    "operator": (
        lambda: write_tflite([ACT, replace(ACT, name="detect/nms")], [OpSpec("LOG_SOFTMAX", (0,), (1,))], [0], [1]),
        r"'detect/nms' uses LOG_SOFTMAX, which is not supported; .*cut the graph before it.* CONV_2D",
    ),
    "loop": (
        lambda: single_op("WHILE", [ACT, ACT]),
        r"uses WHILE, which is not supported; make recurrent layers with unroll=True",
    ),
    "float model": (
        lambda: _conv(image={"dtype": "float32"}),
        r"'t3' \(CONV_2D\): input 't0' is float32, only int8 or int16 is supported; quantise the model",
    ),
    "uint8 model": (lambda: _conv(out={"dtype": "uint8", "name": "y"}), "output 'y' is uint8"),
    "int16 model": (
        lambda: single_op("HARD_SWISH", [WIDE, WIDE]),
        "is int16, only int8 is supported; quantise the activations",
    ),
    "int16 to int8": (
        lambda: _fully_connected(WIDE),
        "input is int16, output 't2' int8; quantise both alike",
    ),
    "bias of 32 bits": (
        lambda: single_op(
            "DEPTHWISE_CONV_2D",
            [
                TensorSpec((1, 4, 4, 2), 0.5, 0, "int16"),
                _constant((1, 2, 2, 2)),
                _constant((2,), "int32"),
                TensorSpec((1, 3, 3, 2), 0.5, 0, "int16"),
            ],
            depthMultiplier=1,
            **WINDOW,
        ),
        "bias 't2' has type int32, only int64 is supported",
    ),
    "long rows of int16": (
        lambda: _fully_connected(replace(WIDE, shape=(1, 65536)), _constant((4, 65536)), WIDE),
        "in_features is 65536; supported are 1 to 65535",
    ),
    "hybrid weights": (
        lambda: _fully_connected(weights=_constant((4, 4), "float32")),
        r"weights 't1' has type float32, only int8 is supported",
    ),
    "computed weights": (lambda: _conv(weights={"data": None}), "weights 't1' is computed by the model"),
    "asymmetric weights": (lambda: _conv(weights={"zero_point": 1}), "zero point other than 0"),
    "wide weights": (
        lambda: _fully_connected(weights=replace(_constant((4, 4)), zero_point=-127)),
        "weights less their zero point span 128 to 128, more than int8",
    ),
    "packed weights": (lambda: _fully_connected(weightsFormat=1), "packed format SHUFFLED4x16INT8"),
    "tanh": (lambda: _conv(fusedActivationFunction=4), "fused activation TANH; only NONE, RELU, RELU6"),
    "grouped": (lambda: _conv(image={"shape": (1, 4, 4, 4)}), "filters see 2 of 4 input channels"),
    "batch": (lambda: _conv(image={"shape": (2, 4, 4, 2)}), r"input of shape \[2, 4, 4, 2\]"),
    "stride": (lambda: _conv(strideH=300), "stride_h is 300; supported are 1 to 255"),
    "five ways to broadcast": (
        lambda: single_op("ADD", [replace(ACT, shape=s) for s in ((2, 1, 2, 1, 2), (1, 2, 1, 2, 1), (2, 2, 2, 2, 2))]),
        "supported are up to four dimensions that broadcast unlike",
    ),
    "softmax scale": (lambda: single_op("SOFTMAX", [ACT, ACT], beta=1.0), "supported are int8 with 1/256 and -128"),
    "deep softmax": (
        lambda: single_op("SOFTMAX", [TensorSpec((5000,), 0.5), TensorSpec((5000,), 1 / 256, -128)], beta=1.0),
        "rows of 1 to 4095",
    ),
    "five dimensions": (
        lambda: single_op("PAD", [TensorSpec((1,) * 5, 1.0), _constant((5, 2), "int32"), TensorSpec((3,) * 5, 1.0)]),
        "up to 4 dimensions",
    ),
    "rescaling relu": (lambda: single_op("RELU6", [ACT, replace(ACT, scale=0.25)]), "rescales from scale 0.5"),
    "axis": (
        lambda: _conv(weights={"scale": [0.1, 0.2], "zero_point": 0, "axis": 3}),
        "scales along axis 3; supported is axis 0",
    ),
}

INCONSISTENT: dict[str, tuple[Callable[[], bytes], str]] = {
    "output shape": (
        lambda: _conv(out={"shape": (1, 4, 4, 3)}),
        r"output has the shape \[1, 4, 4, 3\], expected \[1, 3, 3, 3\]",
    ),
    "bias length": (lambda: _conv(bias={"shape": (2,), "data": np.ones(2, np.int32)}), "bias 't2' has 2 entries for 3"),
    "no scale": (lambda: _conv(image={"scale": None}), "input 't0' has no scale"),
    "zero scale": (lambda: _conv(image={"scale": 0.0}), "scale 0.0, zero point 3"),
    "zero point": (lambda: _conv(image={"zero_point": 200}), "zero point 200"),
    "absurd scales": (lambda: _conv(image={"scale": 1e30}), "scale ratio of channel 0 is"),
    "zero point of int16": (lambda: _fully_connected(replace(WIDE, zero_point=1), out=WIDE), "zero point 1"),
    "bias of 48 bits": (
        lambda: _wide_bias((1 << 46) + 1),
        "bias 't2' has an entry of magnitude 70368744177665, more than 2\\^46",
    ),
    "multiplier of 128": (
        lambda: _fully_connected(WIDE, _constant((4, 4), scale=64.0), replace(WIDE, scale=0.25)),
        "scale ratio of channel 0 is 128",
    ),
    "tiny output scale": (lambda: _conv(out={"scale": 1e-40}), "scale ratio of channel 0 is"),
    "tiny scale": (lambda: single_op("RELU6", [replace(ACT, scale=1e-30)] * 2), "6.0 at scale 1.00.*e-30 leaves int32"),
    "depth multiplier": (
        lambda: single_op(
            "DEPTHWISE_CONV_2D",
            [TensorSpec((1, 4, 4, 2), 0.5), _constant((1, 2, 2, 4)), TensorSpec((1, 3, 3, 4), 0.5)],
            depthMultiplier=1,
            **WINDOW,
        ),
        "2 input channels with multiplier 1 make 4 output channels",
    ),
    "row length": (lambda: _fully_connected(image=replace(ACT, shape=(1, 3))), "shapes do not fit together"),
    "bias scale": (
        lambda: single_op("FULLY_CONNECTED", [ACT, _constant((4, 4)), _constant((4,), "int32", 7.0), ACT]),
        "bias has the scale 7, input times weights 0.25",
    ),
    "pool scales": (
        lambda: single_op("MAX_POOL_2D", [TensorSpec((1, 2, 2, 1), 0.5, 3), TensorSpec((1, 1, 1, 1), 0.25, 3)], **POOL),
        "input has 0.5/3 as scale and zero point, output 0.25/3",
    ),
    "reshape": (
        lambda: single_op("RESHAPE", [ACT, TensorSpec((1, 5), 0.5, 3)]),
        r"cannot reshape int8 \[1, 4\] into int8 \[1, 5\]",
    ),
    "negative padding": (
        lambda: single_op("PAD", [ACT, replace(_constant((2, 2), "int32"), data=np.full((2, 2), -1, np.int32)), ACT]),
        r"paddings \[\[-1, -1\], \[-1, -1\]\]",
    ),
    "operand missing": (
        lambda: write_tflite([ACT, ACT], [OpSpec("FULLY_CONNECTED", (0, -1), (1,))], [0], [1]),
        "weights is missing",
    ),
    "read before written": (
        lambda: write_tflite([ACT, ACT, ACT], [OpSpec("RELU", (1,), (2,))], [0], [2]),
        r"layer 0 't2' \(RELU\) reads 't1' \(tensor 1\), which nothing has written before",
    ),
    "written twice": (
        lambda: write_tflite([ACT, ACT], [OpSpec("RELU", (0,), (1,)), OpSpec("RELU", (0,), (1,))], [0], [1]),
        "a constant or already written",
    ),
    "output not written": (lambda: write_tflite([ACT, ACT], [], [0], [1]), "no layer writes the output 't1'"),
    "tensor index": (
        lambda: write_tflite([ACT, ACT], [OpSpec("RELU", (5,), (1,))], [0], [1]),
        r"layer 0 \(RELU\) refers to tensor 5 of 2",
    ),
    "options of another operator": (
        lambda: write_tflite([ACT, ACT], [OpSpec("SOFTMAX", (0,), (1,), options_type="AddOptions")], [0], [1]),
        r"layer 0 \(SOFTMAX\) has options of type 11, not 9",
    ),
    "buffer size": (
        lambda: _conv(weights={"data": np.ones(5, np.int8)}),
        r"tensor 't1' of shape \[3, 2, 2, 2\] and type int8 needs 24 B, its buffer has 5 B",
    ),
    "scales": (lambda: _conv(weights={"scale": [0.1] * 7}), "has 7 scales along axis 0"),
    "huge tensor": (lambda: _conv(image={"shape": (1, 65535, 65535, 2)}), "more than 268435456 elements"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported(case: str) -> None:
    make, message = UNSUPPORTED[case]
    error = _error(make())
    assert type(error) is UnsupportedError
    assert re.match(rf"x\.tflite: layer 0 .*{message}", str(error)), error


@pytest.mark.parametrize("case", INCONSISTENT)
def test_inconsistent(case: str) -> None:
    make, message = INCONSISTENT[case]
    error = _error(make())
    assert type(error) is ModelError
    assert re.match(rf"x\.tflite: .*{message}", str(error)), error


def test_dynamic_batch_is_one() -> None:
    shape = (-1, 4)
    graph = read(single_op("RELU", [replace(ACT, shape=shape), replace(ACT, shape=shape)]), "x")
    assert graph.tensor(0).shape == (1, 4)
    with pytest.raises(UnsupportedError, match=r"tensor 't0' has the shape \[1, -1\], not fixed"):
        read(single_op("RELU", [replace(ACT, shape=(1, -1)), ACT]), "x")


def test_more_than_one_subgraph() -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(_conv(), 0))
    model.subgraphs = model.subgraphs * 2
    with pytest.raises(UnsupportedError, match="2 subgraphs"):
        read(_packed(model), "x")


def test_custom_operator_is_named() -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(_conv(), 0))
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "TFLite_Detection_PostProcess"
    with pytest.raises(UnsupportedError, match="layer 0 't3' uses the custom operator 'TFLite_Detection_PostProcess'"):
        read(_packed(model), "x")


def test_labels() -> None:
    data = _with_metadata(_conv())
    assert read(data, "x").metadata == {}
    assert read(data + _zip("labels.txt", "cat\ndog\n"), "x").metadata == {"labels": ["cat", "dog"]}
    assert read(data + _zip("readme.txt", "cat\ndog\n"), "x").metadata == {}
    assert read(_conv() + _zip("labels.txt", "cat\n"), "x").metadata == {}


def test_labels_are_bounded() -> None:
    data = _with_metadata(_conv())
    with pytest.raises(ModelError, match=r"'labels\.txt' unpacks to more than 1048576 B"):
        read(data + _zip("labels.txt", "x" * 3_000_000), "x")
    archive = bytearray(_zip("labels.txt", "cat\ndog\n" * 50))
    archive[44] ^= 0xFF
    with pytest.raises(ModelError, match="the archive with the labels is damaged"):
        read(data + bytes(archive), "x")


def test_schema_matches_the_generated_one() -> None:
    operators = {k: v for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    types = {k.lower(): v for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
    assert operators == {name: number for number, name in enumerate(BUILTIN_OPERATORS)}
    assert types == {name: number for number, name in enumerate(TENSOR_TYPES)}


def _packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _with_metadata(data: bytes) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", 0
    model.metadata = [entry]
    return _packed(model)


def _zip(name: str, text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return file.getvalue()
