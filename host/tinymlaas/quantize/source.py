"""What a reader of float models gives, whatever it reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..graph import Array

Progress = Callable[[int, int], None]
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One network twice, as .tflite with a batch of one: in float, and full-integer with int8 in and out."""

    float_model: bytes
    int8_model: bytes


class Source(ABC):
    """A float model that has been read. ``name`` starts its messages."""

    name: str

    @property
    @abstractmethod
    def input_shape(self) -> Shape | None:
        """Of one sample, as the user's framework has it; None where the model takes any, or does not say."""

    def device_order(self, inputs: Array) -> Array:
        """Samples as the .tflite takes them."""
        return inputs

    @abstractmethod
    def quantise(self, inputs: Array, progress: Progress) -> Pair:
        """Convert and calibrate with ``inputs`` (N, ...) float32 in the device's order. Raises UnsupportedError."""

    @abstractmethod
    def interpreter(self) -> Any:
        """The module with ``Interpreter`` and ``OpResolverType`` that came with the converter."""
