"""Keras models: .keras and .h5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ModelError, UnsupportedError
from ..graph import Array
from . import extras, tensorflow
from .quiet import quiet
from .source import Pair, Progress, Shape, Source


class KerasModel(Source):
    """A whole Keras model in one file."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        with quiet():
            tensorflow.tensorflow()
            self._model = _load(path)
        shapes = [tensor.shape for tensor in self._model.inputs or []]
        if len(shapes) != 1:
            raise UnsupportedError(f"{path.name}: {len(shapes)} inputs, one is supported; build it with one")
        self._shape = tuple(shapes[0])[1:]

    @property
    def input_shape(self) -> Shape:
        return self._shape

    def quantise(self, inputs: Array, progress: Progress) -> Pair:
        return tensorflow.quantise(self.name, lambda x: self._model(x, training=False), inputs, progress)

    def interpreter(self) -> Any:
        return tensorflow.interpreter()


def _load(path: Path) -> Any:
    keras = extras.load("keras", "keras")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a zip, HDF5, JSON or Python error, by what is wrong
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
        raise ModelError(
            f"{path.name}: Keras cannot load it: {first}; when it has layers of your own, give the folder that model.export(FOLDER) writes"
        ) from error
