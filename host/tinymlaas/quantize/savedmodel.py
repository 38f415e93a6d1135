"""TensorFlow's SavedModel folders, as model.export() and tf.saved_model.save() write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ModelError, UnsupportedError
from ..graph import Array
from . import tensorflow
from .quiet import quiet
from .source import Pair, Progress, Shape, Source

_SIGNATURE = "serving_default"


class SavedModel(Source):
    """The signature ``serving_default`` of a folder."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.name = name or path.name
        with quiet():
            self._loaded = _load(path, self.name)
        self._signature = self._loaded.signatures[_SIGNATURE]
        arguments = self._signature.structured_input_signature[1]
        if len(arguments) != 1:
            raise UnsupportedError(f"{self.name}: {len(arguments)} inputs, one is supported; export it with one")
        ((self._argument, spec),) = arguments.items()
        self._shape = tuple(spec.shape.as_list())[1:]

    @property
    def input_shape(self) -> Shape:
        return self._shape

    def quantise(self, inputs: Array, progress: Progress) -> Pair:
        return tensorflow.quantise(self.name, self._call, inputs, progress)

    def interpreter(self) -> Any:
        return tensorflow.interpreter()

    def _call(self, x: Any) -> Any:
        return self._signature(**{self._argument: x})


def _load(path: Path, name: str) -> Any:
    if not (path / "saved_model.pb").is_file():
        raise ModelError(
            f"{name}: a folder without saved_model.pb is no SavedModel; write one with model.export(FOLDER)"
        )
    try:
        loaded = tensorflow.tensorflow().saved_model.load(str(path))
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: TensorFlow cannot load it: {str(error).splitlines()[0][:200]}") from error
    if _SIGNATURE not in loaded.signatures:
        raise ModelError(f"{name}: has no signature '{_SIGNATURE}'; write the folder with model.export(FOLDER)")
    return loaded
