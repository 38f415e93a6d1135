"""Which output of the model each label means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import TinymlError
from ..graph import Array


@dataclass(frozen=True, slots=True)
class Truth:
    """``numbers`` (N,): the right output of each sample; ``names``: one per output."""

    numbers: Array
    names: tuple[str, ...]


def truth(labels: Array, outputs: int, names: Sequence[str] = ()) -> Truth:
    """The labels as output numbers; a model with one output has the classes 0 and 1.

    Names are sorted, as Keras and scikit-learn number them, unless ``names`` gives the order. Raises TinymlError.
    """
    classes = max(2, outputs)
    flat = labels.reshape(-1)
    if names and len(names) != classes:
        raise TinymlError(f"{len(names)} class names, the model tells {classes} classes apart; give one a class")
    if flat.dtype.kind in "US":
        return _named(flat.astype(str), classes, tuple(names))
    return _numbered(flat, classes, tuple(names) or tuple(map(str, range(classes))))


def check_count(labels: Array, samples: int) -> None:
    """Raises TinymlError unless there is one label a sample."""
    if labels.size != samples:
        raise TinymlError(f"{labels.size} labels for {samples} samples; give one label a sample, in the same order")


def predicted(outputs: Array) -> Array:
    """(N, classes) → the highest; (N, 1) → whether a probability is over one half, or a logit over zero."""
    if outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(axis=1))
    limit = 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0.0
    return (outputs[:, 0] > limit).astype(np.int64)


def _named(labels: Array, classes: int, names: tuple[str, ...]) -> Truth:
    found = tuple(np.unique(labels).tolist())
    order = names or found
    if len(order) != classes:
        raise TinymlError(
            f"the labels name {len(found)} classes, the model tells {classes} apart; "
            f"give the names in the order of its outputs with --classes"
        )
    unknown = [name for name in found if name not in order]
    if unknown:
        raise TinymlError(f"label '{unknown[0]}' is not among the classes {', '.join(order)}")
    return Truth(np.array([order.index(name) for name in labels.tolist()]), order)


def _numbered(labels: Array, classes: int, names: tuple[str, ...]) -> Truth:
    numbers = labels.astype(np.int64)
    if labels.dtype.kind not in "fiub" or not np.array_equal(numbers, labels):
        raise TinymlError("the labels are no class numbers; give 0, 1, 2 … or class names, one a sample")
    wrong = numbers[(numbers < 0) | (numbers >= classes)]
    if wrong.size:
        raise TinymlError(f"label {wrong[0]} is out of range: the model has the classes 0 to {classes - 1}")
    return Truth(numbers, names)
