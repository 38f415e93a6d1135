"""Variations of a model for demonstrations: the same answers, but slower, or with more memory than a board has.

Needs `tflite-micro` and `flatbuffers`, which `make deps` installs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_UNIT = 127  # as an int8 weight with the scale 1/127: one


def widened(source: bytes, widths: Sequence[int]) -> bytes:
    """The model with convolutions of 1x1 behind its first layer that carry its channels through ``widths`` channels and back.

    Their weights are ones and zeros, so the answers stay as they are; time and memory do not.
    """
    import flatbuffers
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(source, 0)
    graph = model.subgraphs[0]
    first = graph.operators[0]
    tensor = int(first.outputs[0])
    channels = int(graph.tensors[tensor].shape[-1])
    made = []
    for width in (*widths, channels):
        made.append(_convolution(schema, model, tensor, width))
        tensor = int(made[-1].outputs[0])
    _redirect(graph.operators[1:], int(first.outputs[0]), tensor)
    graph.operators[1:1] = made
    builder = flatbuffers.Builder(len(source))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _redirect(operators: Sequence[Any], old: int, new: int) -> None:
    for operator in operators:
        operator.inputs = np.array([new if index == old else index for index in operator.inputs], np.int32)


def _convolution(schema: Any, model: Any, source: int, width: int) -> Any:
    """From ``source`` to ``width`` channels; those that are there already keep their values."""
    graph = model.subgraphs[0]
    before = graph.tensors[source]
    depth = int(before.shape[-1])
    weights = np.zeros((width, 1, 1, depth), np.int8)
    for channel in range(min(width, depth)):
        weights[channel, 0, 0, channel] = _UNIT
    kernel = _tensor(schema, model, weights, "INT8", [1 / _UNIT] * width)
    input_scale = float(before.quantization.scale[0])
    bias = _tensor(schema, model, np.zeros(width, np.int32), "INT32", [input_scale / _UNIT] * width)
    made = schema.TensorT()
    made.shape, made.type, made.quantization = [*before.shape[:-1], width], before.type, before.quantization
    made.name, made.buffer = f"wide_{len(graph.tensors)}", 0
    graph.tensors.append(made)
    operator = schema.OperatorT()
    operator.opcodeIndex = graph.operators[0].opcodeIndex
    operator.inputs, operator.outputs = [source, kernel, bias], [len(graph.tensors) - 1]
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = schema.Conv2DOptionsT()
    operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
    operator.builtinOptions.dilationWFactor = operator.builtinOptions.dilationHFactor = 1
    return operator


def _tensor(schema: Any, model: Any, data: Any, kind: str, scales: Sequence[float]) -> int:
    """A constant, quantised per output channel; its number."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.shape, tensor.type = list(data.shape), getattr(schema.TensorType, kind)
    tensor.buffer = len(model.buffers) - 1
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = [float(np.float32(scale)) for scale in scales]
    tensor.quantization.zeroPoint = [0] * len(scales)
    tensor.quantization.quantizedDimension = 0
    tensors = model.subgraphs[0].tensors
    tensor.name = f"wide_{len(tensors)}"
    tensors.append(tensor)
    return len(tensors) - 1
