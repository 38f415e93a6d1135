"""Writes small ``.tflite`` files for tests, through the schema classes of the ``tflite-micro`` package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

_DTYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "float32": schema.TensorType.FLOAT32,
    "bool": schema.TensorType.BOOL,
    "resource": schema.TensorType.RESOURCE,
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor: shape, quantisation (one scale, or one per channel along ``axis``), constant data or None."""

    shape: tuple[int, ...]
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    dtype: str = "int8"
    data: np.ndarray | None = None
    axis: int = 0
    name: str = ""
    variable: bool = False


@dataclass(frozen=True, slots=True)
class OpSpec:
    """One operator: builtin name, tensor indices (-1: absent), and its options' fields, all named as in the schema."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    options_type: str = ""


OPTION_TYPES = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "SOFTMAX": "SoftmaxOptions",
    "PAD": "PadOptions",
    "RESHAPE": "ReshapeOptions",
    "PADV2": "PadV2Options",
    "SUB": "SubOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "MUL": "MulOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "CONCATENATION": "ConcatenationOptions",
    "TRANSPOSE": "TransposeOptions",
    "SLICE": "SliceOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "PACK": "PackOptions",
    "UNPACK": "UnpackOptions",
    "GATHER": "GatherOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "SQUEEZE": "SqueezeOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions",
    "BATCH_TO_SPACE_ND": "BatchToSpaceNDOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "REVERSE_V2": "ReverseV2Options",
    "VAR_HANDLE": "VarHandleOptions",
    "READ_VARIABLE": "ReadVariableOptions",
    "ASSIGN_VARIABLE": "AssignVariableOptions",
    "CALL_ONCE": "CallOnceOptions",
    "SVDF": "SVDFOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "DIV": "DivOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "CAST": "CastOptions",
    "SELECT_V2": "SelectV2Options",
    "GATHER_ND": "GatherNdOptions",
    **{
        name: f"{name.title().replace('_', '')}Options"
        for name in (
            "EQUAL",
            "NOT_EQUAL",
            "GREATER",
            "GREATER_EQUAL",
            "LESS",
            "LESS_EQUAL",
            "LOGICAL_AND",
            "LOGICAL_OR",
            "LOGICAL_NOT",
        )
    },
}


def write_tflite(
    tensors: Sequence[TensorSpec], ops: Sequence[OpSpec], inputs: Sequence[int], outputs: Sequence[int]
) -> bytes:
    """Serialises one graph; ``inputs`` and ``outputs`` are indices into ``tensors``. Returns the bytes of the file."""
    model = schema.ModelT()
    model.version = 3
    model.description = "test"
    model.buffers = [schema.BufferT()]
    model.operatorCodes = []
    graph = schema.SubGraphT()
    graph.name = "main"
    graph.tensors = [_tensor(model, spec, i) for i, spec in enumerate(tensors)]
    graph.operators = [_operator(model, spec) for spec in ops]
    graph.inputs, graph.outputs = list(inputs), list(outputs)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def single_op(op: str, tensors: Sequence[TensorSpec], outputs: int = 1, **options: Any) -> bytes:
    """One operator over ``tensors``: the last are the outputs, those with data are constants, the others are inputs."""
    first = len(tensors) - outputs
    results = list(range(first, len(tensors)))
    spec = OpSpec(op, tuple(range(first)), tuple(results), options)
    inputs = [i for i in range(first) if tensors[i].data is None]
    return write_tflite(tensors, [spec], inputs, results)


def _tensor(model: Any, spec: TensorSpec, index: int) -> Any:
    tensor = schema.TensorT()
    tensor.shape = list(spec.shape)
    tensor.type = _DTYPES[spec.dtype]
    tensor.name = spec.name or f"t{index}"
    tensor.buffer = _buffer(model, spec.data)
    tensor.isVariable = spec.variable
    if spec.scale is not None:
        tensor.quantization = _quantisation(spec)
    return tensor


def _buffer(model: Any, data: np.ndarray | None) -> int:
    if data is None:
        return 0
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _quantisation(spec: TensorSpec) -> Any:
    quantisation = schema.QuantizationParametersT()
    scales = np.atleast_1d(np.asarray(spec.scale, np.float32))
    quantisation.scale = scales.tolist()
    quantisation.zeroPoint = np.broadcast_to(np.asarray(spec.zero_point, np.int64), scales.shape).tolist()
    quantisation.quantizedDimension = spec.axis
    return quantisation


def _operator(model: Any, spec: OpSpec) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = _operator_code(model, getattr(schema.BuiltinOperator, spec.name))
    operator.inputs, operator.outputs = list(spec.inputs), list(spec.outputs)
    kind = spec.options_type or OPTION_TYPES.get(spec.name)
    if kind is None:
        return operator
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    operator.builtinOptions = getattr(schema, kind + "T")()
    for key, value in spec.options.items():
        if not hasattr(operator.builtinOptions, key):
            raise AttributeError(f"{kind} has no field {key!r}")
        setattr(operator.builtinOptions, key, value)
    return operator


def _operator_code(model: Any, builtin: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = builtin
    code.deprecatedBuiltinCode = min(builtin, 127)
    code.version = 3 if builtin != schema.BuiltinOperator.ADD else 2
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
