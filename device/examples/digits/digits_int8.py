"""Judges the committed `digits.tflite` with the reference interpreter, TensorFlow Lite Micro. Needs no TensorFlow.

Run it to see the int8 accuracy of the committed model on every held-out digit.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from digits_data import Digits, Images, Labels, load, quantise, split
from numpy.typing import NDArray
from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

HERE = Path(__file__).parent
MODEL = HERE / "digits.tflite"
SAMPLES = HERE / "test_digits.npz"
CLASSES = 10


class Int8Model:
    """One loaded model: float pictures are quantised as the model says, outputs stay int8."""

    def __init__(self, model: bytes) -> None:
        self._interpreter = runtime.Interpreter.from_bytes(model)
        details = self._interpreter.get_input_details(0)
        self.scale = float(details["quantization_parameters"]["scales"][0])
        self.zero_point = int(details["quantization_parameters"]["zero_points"][0])

    def quantise(self, images: Images) -> NDArray[np.int8]:
        return quantise(images, self.scale, self.zero_point)

    def run(self, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """(N, 8, 8, 1) → (N, 10), one inference each."""
        return np.concatenate([self._run_one(inputs[n : n + 1]) for n in range(len(inputs))])

    def _run_one(self, picture: NDArray[np.int8]) -> NDArray[np.int8]:
        self._interpreter.set_input(picture, 0)
        self._interpreter.invoke()
        return np.array(self._interpreter.get_output(0), dtype=np.int8)


def confusion(truth: Labels, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """(10, 10): row = the true digit, column = the answer."""
    table = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return table


def accuracy(truth: Labels, outputs: NDArray[Any]) -> float:
    """Share of right answers; `outputs` (N, 10) of any type, the largest wins."""
    return float(np.mean(outputs.argmax(axis=1) == truth))


@dataclass(frozen=True, slots=True)
class Anatomy:
    """`operators` in order of execution; `weight_bytes` counts weights and int32 biases."""

    operators: tuple[str, ...]
    weight_bytes: int
    macs: int


OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def anatomy(model: bytes) -> Anatomy:
    """What the file holds, read from its flatbuffer."""
    root = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = root.subgraphs[0]
    names = [OPERATOR_NAMES[root.operatorCodes[op.opcodeIndex].builtinCode] for op in graph.operators]
    macs = sum(_macs(name, op, graph.tensors) for name, op in zip(names, graph.operators, strict=True))
    return Anatomy(tuple(names), _weight_bytes(root, graph), macs)


def _weight_bytes(root: Any, graph: Any) -> int:
    """RESHAPE's target shape is a constant too, but nobody stores or multiplies it: it is not a weight."""
    weighted = [op for op in graph.operators if _has_weights(root.operatorCodes[op.opcodeIndex].builtinCode)]
    buffers = {graph.tensors[index].buffer for op in weighted for index in op.inputs[1:] if index >= 0}
    return sum(len(root.buffers[index].data) for index in buffers)


def _has_weights(code: int) -> bool:
    return OPERATOR_NAMES[code] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def _macs(name: str, op: Any, tensors: Any) -> int:
    """Multiplications of one operator: pixels of the output times weights used for each."""
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return 0
    weights = math.prod(tensors[op.inputs[1]].shape)
    pixels = math.prod(tensors[op.outputs[0]].shape[1:-1])
    return int(weights * pixels)


def main() -> None:
    model = MODEL.read_bytes()
    held_out: Digits = split(load())[1]
    int8 = Int8Model(model)
    outputs = int8.run(int8.quantise(held_out.images))
    print(confusion(held_out.labels, outputs.argmax(axis=1)))
    print(f"int8 {accuracy(held_out.labels, outputs):.2%} of {len(held_out)} held-out digits")
    print(anatomy(model))


if __name__ == "__main__":
    main()
