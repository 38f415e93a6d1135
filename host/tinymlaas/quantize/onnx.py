"""ONNX models, by way of onnx2tf: it writes a SavedModel whose images have their channels last."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError, TinymlError, UnsupportedError
from ..graph import Array
from . import extras, tensorflow
from .quiet import quiet
from .savedmodel import SavedModel
from .source import Pair, Progress, Shape, Source


class OnnxModel(Source):
    """A .onnx file with one float input."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        with quiet():
            self._argument, self._shape = _input(path)

    @property
    def input_shape(self) -> Shape:
        return self._shape

    @property
    def _channels_first(self) -> bool:
        return len(self._shape) >= 2

    def device_order(self, inputs: Array) -> Array:
        return np.ascontiguousarray(np.moveaxis(inputs, 1, -1)) if self._channels_first else inputs

    def quantise(self, inputs: Array, progress: Progress) -> Pair:
        with tempfile.TemporaryDirectory() as folder:
            self._to_savedmodel(Path(folder), inputs)
            return SavedModel(Path(folder), self.name).quantise(inputs, progress)

    def interpreter(self) -> Any:
        return tensorflow.interpreter()

    def _to_savedmodel(self, folder: Path, inputs: Array) -> None:
        onnx2tf = extras.load("onnx", "onnx2tf")
        user = np.moveaxis(inputs[:1], -1, 1).shape if self._channels_first else inputs[:1].shape
        with quiet() as said:
            try:
                onnx2tf.convert(
                    input_onnx_file_path=str(self._path),
                    output_folder_path=str(folder),
                    overwrite_input_shape=[f"{self._argument}:{','.join(map(str, user))}"],
                    output_signaturedefs=True,
                    non_verbose=True,
                )
            except (Exception, SystemExit) as error:  # it raises anything, and exits
                raise UnsupportedError(f"{self.name}: onnx2tf cannot convert it: {_reason(error, said())}") from error


def _input(path: Path) -> tuple[str, Shape]:
    """Name and shape, without the batch, of the only input."""
    onnx = extras.load("onnx", "onnx")
    extras.load("onnx", "onnx2tf")
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf's own
        raise ModelError(f"{path.name}: no ONNX model: {str(error).splitlines()[0][:200]}") from error
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise UnsupportedError(f"{path.name}: {len(inputs)} inputs, one is supported; export it with one")
    dimensions = inputs[0].type.tensor_type.shape.dim
    if not dimensions:
        raise TinymlError(f"{path.name}: the input has no shape; export it with an example input")
    return inputs[0].name, tuple(d.dim_value or None for d in dimensions)[1:]


def _reason(error: BaseException, log: str) -> str:
    lines = [line.strip() for line in (log + f"\n{error}").splitlines() if "ERROR" in line or "not yet" in line]
    return (lines[0] if lines else str(error).strip().partition("\n")[0] or type(error).__name__)[:300]
