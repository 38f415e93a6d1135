"""What the SWAR variants share: windows in which two lanes of 16 bits hold, and requantisation by two multiplications.

Both are proven here, when the module is made; native_module/kernels/mk/swar_models.h says what the device does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .. import quant as q
from ..graph import Array
from ..planfmt import CHANNEL

MAX_WINDOW = 255  # sum of |weights|: with |x| <= 128 each lane then stays within 16 bits
MAX_SCRATCH_BYTES = 8192
_MAX_REST = 127  # of one entry, so that two always fit one window
_INT32_MAX = (1 << 31) - 1
_OUT_SHIFT = 24  # the output byte is what stands above
_CANDIDATES = sorted(range(-32, 33), key=abs)  # offsets of the factor to try


@dataclass(frozen=True, slots=True)
class Requant:
    """Accumulator → output byte of one channel: clamp acc - origin to 0 … limit, then (acc * factor + offset) >> 24 mod 2^8.

    factor = high + low / 2^bits; products below ``negative`` lose 2^(bits + 1): ties of negative sums round down.
    """

    origin: int
    limit: int
    high: int
    low: int
    bits: int
    offset: int
    negative: int = 0

    def words(self) -> list[int]:
        """The words of ``tml_swar_scale_t``."""
        return [self.offset & 0xFFFFFFFF, self.limit, self.high, self.low, self.bits, self.negative]


def clip_windows(words: Array, most: int = MAX_WINDOW) -> tuple[Array, list[tuple[int, int]]]:
    """Weights [windows, weights of a window] → the same with every window's sum of magnitudes at most ``most``, and the rest.

    The rest: (flat index, weight) pairs; clipped weights plus rest are the weights. Takes from the largest first.
    """
    clipped, rest = words.astype(np.int64).copy(), []
    for window in np.flatnonzero(np.abs(clipped).sum(axis=1) > most):
        row = clipped[window]
        while (excess := int(np.abs(row).sum()) - most) > 0:
            at = int(np.abs(row).argmax())
            part = min(excess, abs(int(row[at])), _MAX_REST) * (1 if row[at] > 0 else -1)
            row[at] -= part
            rest.append((int(window) * words.shape[1] + at, part))
    return clipped, rest


def requants(weights: Array, channels: bytes, fields: dict[str, int], bits: int | None = None) -> list[Requant] | None:
    """Requantisation of each channel, proven equal to ``quant.requantize`` for every sum its weights can reach.

    weights: [channels, weights of a channel]; channels: the plain ``channel`` stream. None where a channel has no proof.
    bits: of every factor, for kernels that have them fixed and know no ties of negative sums.
    """
    out = []
    for reach, channel in zip(_reaches(weights, channels), _channels(channels), strict=True):
        found = _requant(reach, channel["multiplier"], channel["shift"], fields, bits)
        if found is None:
            return None
        out.append(found)
    return out


def shared_requant(weights: Array, channels: bytes, fields: dict[str, int]) -> Requant | None:
    """One requantisation that is right for all channels, where they have the same multiplier: arguments as of ``requants``."""
    factors = {(channel["multiplier"], channel["shift"]) for channel in _channels(channels)}
    if len(factors) > 1:
        return None
    low, high = zip(*_reaches(weights, channels), strict=True)
    return _requant((min(low), max(high)), *factors.pop(), fields)


def _reaches(weights: Array, channels: bytes) -> list[tuple[int, int]]:
    """The least and the largest sum of each channel."""
    magnitudes, sums = np.abs(weights.astype(np.int64)).sum(axis=1), weights.astype(np.int64).sum(axis=1)
    biases = np.array([channel["bias"] for channel in _channels(channels)], np.int64)
    low, high = biases - (255 * magnitudes + sums) // 2, biases + (255 * magnitudes - sums) // 2
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _channels(stream: bytes) -> Iterator[dict[str, int]]:
    return (CHANNEL.unpack(stream, at) for at in range(0, len(stream), CHANNEL.nbytes))


def _requant(
    reach: tuple[int, int], multiplier: int, shift: int, fields: dict[str, int], bits: int | None = None
) -> Requant | None:
    if shift > 0 or reach[0] < -_INT32_MAX or reach[1] > _INT32_MAX or reach[1] - reach[0] > _INT32_MAX:
        return None
    zero_point, limits = fields["out_zero_point"], (fields["act_min"], fields["act_max"])

    def exact(acc: Array) -> Array:
        return q.requantize(acc, multiplier, shift, zero_point, limits).astype(np.int64)

    first, last = (int(v) for v in exact(np.array(reach)))
    steps = _thresholds(exact, reach, np.arange(first + 1, last + 1))
    origin = int(steps[0]) - 1 if len(steps) else reach[0]
    limit = int(steps[-1]) - origin if len(steps) else 0
    return _fit(steps - origin, first, origin, limit, multiplier, shift, bits)


def _thresholds(exact: Callable[[Array], Array], reach: tuple[int, int], values: Array) -> Array:
    """The smallest sum that gives at least each value: the function is monotone."""
    below, above = np.full(len(values), reach[0] - 1), np.full(len(values), reach[1])
    while np.any(above - below > 1):
        middle = (below + above) // 2
        enough = exact(middle) >= values
        below, above = np.where(enough, below, middle), np.where(enough, middle, above)
    return above


def _fit(
    steps: Array, first: int, origin: int, limit: int, multiplier: int, shift: int, wanted: int | None
) -> Requant | None:
    """A factor and an offset that give ``first + i`` exactly from step i - 1 on; checked at both sides of every step."""
    signed = origin < 0 < origin + limit and shift < 0
    bits = wanted or (23 + shift if signed else min(30, 32 - max(1, limit.bit_length())))
    if bits < 0 or limit << bits >= 1 << 32 or (signed and wanted):
        return None
    ideal = multiplier << bits + _OUT_SHIFT >> 31 - shift
    values = np.arange(first, first + 1 + len(steps)) << _OUT_SHIFT
    begins, ends = np.append(0, steps), np.append(steps - 1, limit)
    for candidate in _CANDIDATES:
        high, low = divmod(max(0, ideal + candidate), 1 << bits)
        found = Requant(origin, limit, high, low, bits, 0)
        found = replace(found, negative=int(_product(found, np.array(-origin)))) if signed else found
        least = int((values - _scaled(found, begins)).max())
        most = int((values + (1 << _OUT_SHIFT) - 1 - _scaled(found, ends)).min())
        if least <= most:
            return replace(found, offset=(least + most) // 2)
    return None


def _product(requant: Requant, acc: Array) -> Array:
    product: Array = acc * requant.high + (acc * requant.low >> requant.bits)
    return product


def _scaled(requant: Requant, acc: Array) -> Array:
    """What the device adds ``offset`` to."""
    product = _product(requant, acc)
    scaled: Array = product - ((product < requant.negative) * np.int64(2) << requant.bits)
    return scaled
