"""TensorFlow Lite Micro's signal operators, as an oracle."""

from __future__ import annotations

from collections.abc import Callable

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema


def rfft(points: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from int16 samples to real and imaginary parts of bins 0 to points / 2, alternating, scaled by 1 / points."""
    options = {"T": schema.TensorType.INT16, "fft_length": points}
    model = _custom("SignalRfft", options, points, points + 2)
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=100_000)

    def transform(samples: np.ndarray) -> np.ndarray:
        interpreter.set_input(samples.astype(np.int16), 0)
        interpreter.invoke()
        return np.array(interpreter.get_output(0))

    return transform


def _custom(name: str, options: dict[str, int], n_in: int, n_out: int) -> bytes:
    """A model of one custom operator on int16."""
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM, schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = name, 1
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [1]
    operator.customOptions = list(_map(options))
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [_tensor(n_in), _tensor(n_out)], [operator]
    graph.inputs, graph.outputs = [0], [1]
    model = schema.ModelT()
    model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, [schema.BufferT()], [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(n: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = [n], schema.TensorType.INT16, 0
    return tensor


def _map(options: dict[str, int]) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in options.items():
            builder.Key(key)
            builder.Int(value)
    return bytes(builder.Finish())
