"""Accuracy of both networks, in all and by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Array
from .classes import Truth, predicted


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """One class: shares of its ``samples`` that each network tells right, 0 to 1."""

    name: str
    samples: int
    float_share: float
    int8_share: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of all samples told right, 0 to 1, and the same by class; classes without samples are left out."""

    samples: int
    float_share: float
    int8_share: float
    classes: tuple[ClassAccuracy, ...]

    @property
    def worst(self) -> ClassAccuracy:
        """The class that int8 tells worst; among equals the one that lost most."""
        return min(self.classes, key=lambda c: (c.int8_share, c.int8_share - c.float_share))


def accuracy(float_outputs: Array, int8_outputs: Array, truth: Truth) -> Accuracy:
    """Outputs are (N, elements)."""
    right = [predicted(outputs) == truth.numbers for outputs in (float_outputs, int8_outputs)]
    numbers = np.unique(truth.numbers).tolist()
    classes = tuple(_of_class(truth, number, right[0], right[1]) for number in numbers)
    return Accuracy(len(truth.numbers), _share(right[0]), _share(right[1]), classes)


def _of_class(truth: Truth, number: int, float_right: Array, int8_right: Array) -> ClassAccuracy:
    which = truth.numbers == number
    return ClassAccuracy(truth.names[number], int(which.sum()), _share(float_right[which]), _share(int8_right[which]))


def agreement(float_outputs: Array, int8_outputs: Array) -> float:
    """Share of samples for which both give the same class."""
    return _share(predicted(float_outputs) == predicted(int8_outputs))


def _share(right: Array) -> float:
    return float(right.mean())
