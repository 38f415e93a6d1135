"""The UCI handwritten digits that scikit-learn ships, split once and for all, and their int8 form.

1797 pictures of 8x8 pixels, grey values 0 (paper) to 16 (ink), labels 0 to 9.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

# Every fifth picture of a class, counted in the order of the data set, is held out: stratified, and without a random
# generator whose numbers might change with a library version.
HOLD_OUT_EVERY = 5
# 255/16: at a step of 1/16 the grey values 0..16 then map to int8 without any loss but 16 itself, which saturates.
INK_MAX = 15.9375
# Of the 34 to 36 held-out digits of a class these are four, spread over the writers.
SAMPLE_EVERY = 9

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Digits:
    """`images` (N, 8, 8, 1) float32 in 0..INK_MAX, `labels` (N,)."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Digits":
        return Digits(self.images[which], self.labels[which])


def load() -> Digits:
    """All 1797 digits in the order of the data set."""
    raw = load_digits()
    images = np.minimum(raw.images, INK_MAX).astype(np.float32)
    return Digits(images[..., np.newaxis], raw.target.astype(np.int64))


def rank_in_class(labels: Labels) -> Labels:
    """For each picture, how many of the same class come before it."""
    same = labels[:, np.newaxis] == labels
    return np.asarray(np.tril(same, k=-1).sum(axis=1), np.int64)


def split(digits: Digits) -> tuple[Digits, Digits]:
    """(training, held out); training and calibration never see the second."""
    held_out = rank_in_class(digits.labels) % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1
    return digits.take(~held_out), digits.take(held_out)


def samples(held_out: Digits) -> Digits:
    """Every ninth held-out digit of each class, 40 in all: chosen by place, before any result."""
    return held_out.take(rank_in_class(held_out.labels) % SAMPLE_EVERY == 0)


def quantise(images: Images, scale: float, zero_point: int) -> NDArray[np.int8]:
    """Round to the nearest step and saturate: the same int8 that the device's `quant` makes."""
    steps = np.rint(images / scale) + zero_point
    return np.asarray(np.clip(steps, -128, 127), np.int8)
