"""Calibration and test data from .npy and .npz files, checked before anything slow begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import read_array, read_arrays
from ..errors import TinymlError
from ..graph import Array
from ..report import shape_text

ENOUGH = 100  # samples; with fewer the ranges of activations are a guess


@dataclass(frozen=True, slots=True)
class Samples:
    """``inputs`` (N, ...) float32; ``labels`` (N,) as they stood in the file, numbers or names."""

    name: str
    inputs: Array
    labels: Array | None = None


def load_samples(path: Path) -> Samples:
    """A .npy of inputs, or a .npz with one array or with ``inputs`` (and ``labels``). Raises TinymlError."""
    arrays = read_arrays(path)
    key = "inputs" if "inputs" in arrays else next(iter(arrays), "")
    if not key or (len(arrays) > 1 and key != "inputs"):
        raise TinymlError(
            f"{path}: holds {len(arrays)} arrays ({', '.join(arrays)}); name the samples 'inputs' and their classes 'labels'"
        )
    return Samples(path.name, _numbers(path.name, arrays[key]), arrays.get("labels"))


def load_labels(path: Path) -> Array:
    """One class a sample, numbers or names: a .npy, or text with one a line."""
    if path.suffix in (".npy", ".npz"):
        return read_array(path)
    try:
        words = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise TinymlError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return np.array([int(w) for w in words] if all(w.isdigit() for w in words) else words)


def shaped(samples: Samples, shape: Sequence[int | None] | None, model: str) -> Array:
    """The inputs for a model that takes ``shape`` (without the batch; None: any). Raises TinymlError with both shapes."""
    given = samples.inputs.shape[1:]
    if shape is None or (len(given) == len(shape) and all(w in (None, g) for g, w in zip(given, shape, strict=True))):
        return samples.inputs
    wanted = "x".join("?" if d is None else str(d) for d in shape)
    hint = ""
    if None not in shape and np.prod(given, dtype=np.int64) == np.prod([d or 0 for d in shape], dtype=np.int64):
        hint = f"; the size is right: save x.reshape(-1, {', '.join(map(str, shape))})"
    raise TinymlError(
        f"{samples.name}: {len(samples.inputs)} samples of {shape_text(given) or 'one number'}, {model} takes {wanted}{hint}"
    )


def _numbers(name: str, values: Array) -> Array:
    if values.ndim < 2 or len(values) == 0:
        raise TinymlError(f"{name}: shape {values.shape}; samples lie along the first dimension, at least one")
    if values.dtype.kind not in "fiub":
        raise TinymlError(f"{name}: holds {values.dtype}, not numbers; give what the model takes, as float32")
    inputs = values.astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1))
    if broken.size:
        raise TinymlError(
            f"{name}: {broken.size} of {len(inputs)} samples hold NaN or infinity, first sample {broken[0]}; "
            f"remove them, they would decide the ranges of all layers"
        )
    return inputs
