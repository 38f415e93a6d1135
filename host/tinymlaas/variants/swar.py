"""What the SWAR variants share: windows in which two lanes of 16 bits hold, and requantisation by two multiplications.

Both are proven here, when the module is made; native_module/kernels/mk/swar_models.h says what the device does with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array
from ..planfmt import CHANNEL

MAX_WINDOW = 255  # sum of |weights|: with |x| <= 128 each lane then stays within 16 bits
MAX_SCRATCH_BYTES = 8192
_MAX_REST = 127  # of one entry, so that two always fit one window
_INT32_MAX = (1 << 31) - 1
_OUT_SHIFT = 24  # the output byte is what stands above
_FAR = 1 << 62
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
    return _requants(_sums(weights, channels), fields, bits)


def shared_requant(weights: Array, channels: bytes, fields: dict[str, int]) -> Requant | None:
    """One requantisation that is right for all channels, where they have the same multiplier: arguments as of ``requants``."""
    sums = _sums(weights, channels)
    if np.ptp(sums.multiplier) or np.ptp(sums.shift):
        return None
    found = _requants(_Sums(sums.low.min()[None], sums.high.max()[None], sums.multiplier[:1], sums.shift[:1]), fields)
    return found[0] if found else None


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """The least and the largest sum of each channel, and how they are scaled: int64 [channels] each."""

    low: Array
    high: Array
    multiplier: Array
    shift: Array

    def exact(self, sums: Array, fields: dict[str, int]) -> Array:
        """Output bytes of sums [channels, any], as int64."""
        limits = (fields["act_min"], fields["act_max"])
        scaled = q.requantize(sums, self.multiplier[:, None], self.shift[:, None], fields["out_zero_point"], limits)
        return scaled.astype(np.int64)

    def likely(self, values: Array, zero_point: int) -> Array:
        """About where outputs begin to be ``values``: [channels, values]."""
        ratio = self.multiplier[:, None] * 2.0 ** (self.shift[:, None] - 31)
        near = np.where(ratio > 0, (values - zero_point - 0.5) / np.maximum(ratio, 2.0**-62), 0)
        within: Array = np.floor(np.clip(near, self.low[:, None], self.high[:, None]))
        return within.astype(np.int64)


def _sums(weights: Array, channels: bytes) -> _Sums:
    entries = [CHANNEL.unpack(channels, at) for at in range(0, len(channels), CHANNEL.nbytes)]
    bias, multiplier, shift = (np.array([e[k] for e in entries], np.int64) for k in ("bias", "multiplier", "shift"))
    magnitudes, sums = np.abs(weights.astype(np.int64)).sum(axis=1), weights.astype(np.int64).sum(axis=1)
    return _Sums(bias - (255 * magnitudes + sums) // 2, bias + (255 * magnitudes - sums) // 2, multiplier, shift)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The sums less ``origin`` at which each output begins and ends: [channels, values]; origin, limit and signed: [channels].

    values are the outputs shifted to where the device has them. Where a channel has no such output, ``used`` is False.
    """

    values: Array
    used: Array
    begins: Array
    ends: Array
    origin: Array
    limit: Array
    signed: Array  # sums below and above zero count

    def of(self, channels: Array) -> _Steps:
        """Some of the channels."""
        parts = (self.used, self.begins, self.ends, self.origin, self.limit, self.signed)
        return _Steps(self.values, *(part[channels] for part in parts))


def _requants(sums: _Sums, fields: dict[str, int], wanted: int | None = None) -> list[Requant] | None:
    out_of_range = (sums.low < -_INT32_MAX) | (sums.high > _INT32_MAX) | (sums.high - sums.low > _INT32_MAX)
    if np.any((sums.shift > 0) | out_of_range):
        return None
    steps = _steps(sums, fields)
    widest = np.minimum(30, 32 - np.maximum(1, np.frexp(steps.limit)[1]))
    bits = np.full_like(sums.shift, wanted) if wanted else np.where(steps.signed, 23 + sums.shift, widest)
    if np.any((bits < 0) | (steps.limit << np.maximum(bits, 0) >= 1 << 32) | (steps.signed & bool(wanted))):
        return None
    left = bits + _OUT_SHIFT - 31 + sums.shift
    return _fit(steps, sums.multiplier << np.maximum(left, 0) >> np.maximum(-left, 0), bits)


def _steps(sums: _Sums, fields: dict[str, int]) -> _Steps:
    first, last = sums.exact(np.stack([sums.low, sums.high], axis=1), fields).T[:, :, None]
    values = np.arange(first.min(), last.max() + 1)
    used = (first <= values) & (values <= last)
    begins = _thresholds(sums, values, used & (values > first), fields)
    ends = np.pad(begins[:, 1:] - 1, ((0, 0), (0, 1)))
    lowest, highest = (np.take_along_axis(begins, x - values[0], axis=1) for x in (np.minimum(first + 1, last), last))
    origin = np.where(first < last, lowest - 1, sums.low[:, None])
    limit = np.where(first < last, highest - origin, 0)
    begins, ends = np.where(values == first, 0, begins - origin), np.where(values == last, limit, ends - origin)
    signed = (origin < 0) & (origin + limit > 0) & (sums.shift[:, None] < 0)
    begins, ends = np.where(used, begins, 0), np.where(used, ends, 0)
    return _Steps(values << _OUT_SHIFT, used, begins, ends, origin[:, 0], limit[:, 0], signed[:, 0])


def _thresholds(sums: _Sums, values: Array, wanted: Array, fields: dict[str, int]) -> Array:
    """The smallest sum that gives at least each wanted value, [channels, values]: outputs grow with sums, which allows to bisect."""
    above = np.repeat(sums.high[:, None], len(values), axis=1)
    below = np.where(wanted, sums.low[:, None] - 1, above)
    near = sums.likely(values, fields["out_zero_point"])
    probes = [np.maximum(near - 2, sums.low[:, None]), np.minimum(near + 2, sums.high[:, None])]
    while np.any(above - below > 1):
        middle = probes.pop() if probes else (below + above) // 2
        enough = sums.exact(middle, fields) >= values
        below = np.where(enough, below, np.maximum(below, middle))
        above = np.where(enough, np.minimum(above, middle), above)
    return above


def _fit(steps: _Steps, ideal: Array, bits: Array) -> list[Requant] | None:
    """Per channel a factor and an offset that give each value exactly where it should be; checked at both ends of every step."""
    found: dict[int, Requant] = {}
    left = np.arange(len(ideal))
    for candidate in _CANDIDATES:
        part, factor, shift = steps.of(left), np.maximum(0, ideal[left] + candidate), bits[left]
        negative = np.where(part.signed, _product(-part.origin, factor, shift), 0)
        columns = (factor[:, None], shift[:, None], negative[:, None])
        least = np.where(part.used, part.values - _scaled(part.begins, *columns), -_FAR).max(axis=1)
        top = part.values + (1 << _OUT_SHIFT) - 1
        most = np.where(part.used, top - _scaled(part.ends, *columns), _FAR).min(axis=1)
        for i in np.flatnonzero(least <= most):
            at = int(left[i])
            high, low = divmod(int(factor[i]), 1 << int(shift[i]))
            offset = int(least[i] + most[i]) // 2
            scale = (int(part.origin[i]), int(part.limit[i]), high, low, int(shift[i]), offset, int(negative[i]))
            found[at] = Requant(*scale)
        left = left[least > most]
        if not len(left):
            return [found[i] for i in range(len(ideal))]
    return None


def _product(acc: Array, factor: Array, bits: Array) -> Array:
    high = factor >> bits
    product: Array = acc * high + (acc * (factor - (high << bits)) >> bits)
    return product


def _scaled(acc: Array, factor: Array, bits: Array, negative: Array) -> Array:
    """What the device adds ``offset`` to."""
    product = _product(acc, factor, bits)
    scaled: Array = product - ((product < negative) * np.int64(2) << bits)
    return scaled
