"""Float against int8 on the same samples: outputs of all of them, layers of the first ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..graph import Array
from .network import FloatNetwork, Int8Network, Layer
from .source import Progress

LAYER_SAMPLES = 100  # the errors of layers are means; more samples do not move them


@dataclass(frozen=True, slots=True)
class LayerError:
    """A layer's int8 against its float values, over all elements of the samples compared.

    ``sqnr_db`` is signal power to error power; ``rms_percent`` the error's root mean square in per cent of the range
    of the float values. None where the float network has no such value.
    """

    layer: Layer
    sqnr_db: float | None
    rms_percent: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outputs (N, elements) of both networks, and the error of each layer."""

    float_outputs: Array
    int8_outputs: Array
    layers: tuple[LayerError, ...]
    int8_by: str


def compare(float_network: FloatNetwork, int8: Int8Network, inputs: Array, progress: Progress) -> Comparison:
    """Runs both on ``inputs`` (N, ...) float32."""
    sums = [_Sums(layer) for layer in int8.layers]
    outputs: list[tuple[Array, Array]] = []
    for i in range(len(inputs)):
        expected = float_network.run(inputs[i : i + 1])
        got, values = int8.run(inputs[i : i + 1])
        outputs.append((expected.reshape(-1), got.reshape(-1)))
        if i < LAYER_SAMPLES:
            for total, value in zip(sums, values, strict=True):
                total.add(float_network.value(total.layer.tensor), value)
        progress(i + 1, len(inputs))
    floats, ints = (np.array(side) for side in zip(*outputs, strict=True))
    return Comparison(floats, ints, tuple(total.error() for total in sums), int8.by)


@dataclass(slots=True)
class _Sums:
    """What is added up for one layer."""

    layer: Layer
    count: int = 0
    signal: float = 0.0
    error_power: float = 0.0
    low: float = field(default=math.inf)
    high: float = field(default=-math.inf)

    def add(self, expected: Array | None, got: Array) -> None:
        if expected is None or expected.size != got.size:
            return
        self.count += got.size
        self.signal += float(np.square(expected).sum())
        self.error_power += float(np.square(expected.reshape(-1) - got.reshape(-1)).sum())
        self.low, self.high = min(self.low, float(expected.min())), max(self.high, float(expected.max()))

    def error(self) -> LayerError:
        if not self.count:
            return LayerError(self.layer, None, None)
        rms, span = math.sqrt(self.error_power / self.count), self.high - self.low
        return LayerError(self.layer, _decibel(self.signal, self.error_power), 100 * rms / span if span else None)


def _decibel(signal: float, error: float) -> float | None:
    """None where a logarithm says nothing: no signal, or no error at all."""
    return 10 * math.log10(signal / error) if signal and error else None
