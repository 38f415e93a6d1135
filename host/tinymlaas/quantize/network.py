"""Both networks of a pair as things that can be asked sample by sample, in real numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..evaluate import evaluate_all, value_of
from ..graph import Array, Graph
from ..ops import OPS
from ..quant import INT8_MAX, INT8_MIN
from ..tflite.importer import read


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator of the int8 network and the name of what it writes; ``is_float`` where the converter left it so."""

    index: int
    operator: str
    tensor: str
    shape: tuple[int, ...]
    is_float: bool = False


class Int8Network(ABC):
    """The int8 network. Inputs and values are real numbers: quantised on the way in, dequantised on the way out."""

    by: str  # who computes
    layers: tuple[Layer, ...]

    @abstractmethod
    def run(self, inputs: Array) -> tuple[Array, list[Array]]:
        """First output and the value of each layer, for one sample (1, ...) float32."""


class Evaluated(Int8Network):
    """By the numpy definitions of the operators: the device's bytes."""

    by = "tinymlaas's evaluator, bit-exact with the device"

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.layers = tuple(
            Layer(op.index, op.code, graph.tensor(t).name, graph.tensor(t).shape)
            for op in graph.ops
            for t in op.outputs
        )

    def run(self, inputs: Array) -> tuple[Array, list[Array]]:
        graph = self._graph
        tensor = graph.tensor(graph.inputs[0])
        assert tensor.quant is not None
        given = quantised(inputs, tensor.quant.scale, tensor.quant.zero_point).reshape(tensor.shape)
        values = evaluate_all(graph, [given])
        return self._real(values, graph.outputs[0]), [self._real(values, t) for op in graph.ops for t in op.outputs]

    def _real(self, values: dict[int, Array], index: int) -> Array:
        quant = self._graph.tensor(index).quant
        value = value_of(self._graph, values, index)
        return dequantised(value, quant.scale, quant.zero_point) if quant else value.astype(np.float64)


class Interpreted(Int8Network):
    """By TensorFlow Lite's reference kernels, for what tinymlaas does not run."""

    by = "TensorFlow Lite's interpreter"

    def __init__(self, module: Any, model: bytes) -> None:
        self._interpreter = new_interpreter(module, model, "BUILTIN_REF")
        self._input = self._interpreter.get_input_details()[0]
        self._details = {d["index"]: d for d in self._interpreter.get_tensor_details()}
        written = [(i, op, t) for i, op in enumerate(self._interpreter._get_ops_details()) for t in op["outputs"]]
        self._written = [int(t) for _, _, t in written]
        self.layers = tuple(self._layer(i, op["op_name"], int(t)) for i, op, t in written)

    def run(self, inputs: Array) -> tuple[Array, list[Array]]:
        given = inputs.reshape(self._input["shape"])
        if self._input["dtype"] == np.int8:
            given = quantised(given, *self._input["quantization"])
        self._interpreter.set_tensor(self._input["index"], given)
        self._interpreter.reset_all_variables()  # each sample is a first run
        self._interpreter.invoke()
        first = self._interpreter.get_output_details()[0]["index"]
        return self._real(first), [self._real(t) for t in self._written]

    def _layer(self, index: int, operator: str, tensor: int) -> Layer:
        details = self._details[tensor]
        shape = tuple(map(int, details["shape"]))
        return Layer(index, operator, details["name"], shape, details["dtype"] == np.float32)

    def _real(self, index: int) -> Array:
        value = np.asarray(self._interpreter.get_tensor(index))
        scale, zero_point = self._details[index]["quantization"]
        return dequantised(value, scale, zero_point) if scale else value.astype(np.float64)


class FloatNetwork:
    """The float network, by TensorFlow Lite's interpreter; values by the names of tensors."""

    def __init__(self, module: Any, model: bytes) -> None:
        self._interpreter = new_interpreter(module, model, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
        self._input = self._interpreter.get_input_details()[0]
        self._by_name = {d["name"]: d["index"] for d in self._interpreter.get_tensor_details() if d["name"]}

    def run(self, inputs: Array) -> Array:
        """The first output for one sample."""
        self._interpreter.set_tensor(self._input["index"], inputs.reshape(self._input["shape"]))
        self._interpreter.reset_all_variables()  # each sample is a first run
        self._interpreter.invoke()
        return self._get(self._interpreter.get_output_details()[0]["index"])

    def value(self, name: str) -> Array | None:
        """What the last run gave for a tensor; None when there is none of that name."""
        return self._get(self._by_name[name]) if name in self._by_name else None

    def _get(self, index: int) -> Array:
        return np.asarray(self._interpreter.get_tensor(index)).astype(np.float64)


def int8_network(module: Any, model: bytes, name: str) -> Int8Network:
    """As the device would run it; by the interpreter ``module`` when it would not."""
    try:
        graph = read(model, name)
        for op in graph.ops:
            OPS[op.code].check(graph, op)
    except UnsupportedError:
        return Interpreted(module, model)
    return Evaluated(graph)


def new_interpreter(module: Any, model: bytes, kernels: str) -> Any:
    """An interpreter that keeps all activations; ``kernels`` is a name of its OpResolverType."""
    made = module.Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=getattr(module.OpResolverType, kernels),
    )
    made.allocate_tensors()
    return made


def quantised(real: Array, scale: float, zero_point: int) -> Array:
    """Real numbers → int8, rounded to the nearest step and saturated, as the device does it."""
    return np.asarray(np.clip(np.rint(real / np.float32(scale)) + zero_point, INT8_MIN, INT8_MAX), np.int8)


def dequantised(value: Array, scale: float, zero_point: int) -> Array:
    """int8 → real numbers."""
    return np.asarray((value.astype(np.float64) - zero_point) * scale)
