"""Which reader takes which file."""

from __future__ import annotations

from pathlib import Path

from ..errors import TinymlError, UsageError
from .source import Source


def open_source(model: str) -> Source:
    """Reads a float model: a path, or ``FILE.py:NAME`` for PyTorch. Raises TinymlError."""
    file, _, attribute = model.partition(".py:")
    if attribute:
        from .pytorch import from_python

        return from_python(Path(file + ".py"), attribute)
    path = Path(model)
    if not path.exists():
        raise TinymlError(f"{model}: no such file or folder")
    return _open(path)


def _open(path: Path) -> Source:
    """Each reader is imported here and not above: they import nothing heavy either, but most are not wanted."""
    if path.is_dir():
        from .savedmodel import SavedModel

        return SavedModel(path)
    if path.suffix in (".keras", ".h5", ".hdf5"):
        from .keras import KerasModel

        return KerasModel(path)
    if path.suffix == ".onnx":
        from .onnx import OnnxModel

        return OnnxModel(path)
    if path.suffix == ".pt2":
        from .pytorch import from_exported

        return from_exported(path)
    raise UsageError(f"{path.name}: {_instead(path.suffix)}")


def _instead(suffix: str) -> str:
    if suffix == ".tflite":
        return (
            "already TensorFlow Lite: give the float model it was made from, or `tinymlaas convert` it when it is int8"
        )
    if suffix in (".pt", ".pth"):
        return "weights or a pickle, not a whole model; save torch.export.save(torch.export.export(…), 'model.pt2')"
    return "takes .keras, .h5, a SavedModel folder, .onnx, .pt2 or FILE.py:NAME"
