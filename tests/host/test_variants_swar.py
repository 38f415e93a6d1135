"""What the SWAR packers claim: every window holds, nothing is lost, and requantisation is exact for every reachable sum."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymlaas import quant as q
from tinymlaas.planfmt import CHANNEL
from tinymlaas.variants import swar

_SEEDS = st.integers(0, 2**32 - 1)


@given(_SEEDS, st.sampled_from([4, 8, 20, 90, 128]))
def test_clipped_windows_hold_and_lose_nothing(seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    words = np.clip(rng.normal(0, spread, (9, 4)).round(), -128, 127).astype(np.int8)
    clipped, rest = swar.clip_windows(words)
    assert np.abs(clipped).sum(axis=1).max() <= swar.MAX_WINDOW
    for index, weight in rest:
        assert 0 < abs(weight) <= 127
        clipped.reshape(-1)[index] += weight
    np.testing.assert_array_equal(clipped, words)


def test_everything_is_rest_where_nothing_may_stay() -> None:
    clipped, rest = swar.clip_windows(np.array([[-128, 0, 5, 127]], np.int8), 0)
    assert not clipped.any()
    assert sorted(rest) == [(0, -127), (0, -1), (2, 5), (3, 127)]


def _device(scale: swar.Requant, acc: np.ndarray) -> np.ndarray:
    """``tml_swar_scale``, all mod 2^32."""
    mask = np.int64(0xFFFFFFFF)
    offset, limit, high, low, bits, negative = scale.words()
    clamped = np.clip(q.wrap32(acc - scale.origin), 0, limit)
    product = (clamped * high + ((clamped * low & mask) >> bits)) & mask
    product -= np.where(product < negative, 2 << bits, 0)
    return ((product + offset & mask) >> 24).astype(np.uint8).view(np.int8)


_Channel = tuple[np.ndarray, dict[str, int], dict[str, int], tuple[int, int]]


def _channel(seed: int, depth: int, shift: int, zero_point: int, relu: bool) -> _Channel:
    """Weights, fields of the channel and of the record, limits of the output."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (1, depth)).astype(np.int8)
    bias, multiplier = int(rng.integers(-(2**15), 2**15)), int(rng.integers(2**30, 2**31))
    limits = (zero_point if relu else -128, 127)
    fields = {"out_zero_point": zero_point, "act_min": limits[0], "act_max": limits[1]}
    return weights, {"bias": bias, "multiplier": multiplier, "shift": shift}, fields, limits


@settings(max_examples=150, deadline=None)
@given(_SEEDS, st.integers(1, 700), st.integers(-14, -1), st.integers(-128, 127), st.booleans())
def test_requantisation_is_exact(seed: int, depth: int, shift: int, zero_point: int, relu: bool) -> None:
    """Where there is a factor at all: else the layer keeps its multipliers."""
    weights, channel, fields, limits = _channel(seed, depth, shift, zero_point, relu)
    found = swar.requants(weights, CHANNEL.pack(channel), fields)
    if found is None:
        return
    ends = np.array([[-128], [127]]) * weights[0].astype(np.int64)
    first, last = (channel["bias"] + int(e.sum()) for e in (ends.min(axis=0), ends.max(axis=0)))
    acc = np.append(np.arange(first, last, max(1, (last - first) // 20000)), last)
    expected = q.requantize(acc, channel["multiplier"], shift, zero_point, limits)
    np.testing.assert_array_equal(_device(found[0], acc), expected)


def test_most_channels_have_an_exact_factor() -> None:
    """Of shifts down to -10, as networks have them, all but one in a thousand; from -11 on, where sums are large, fewer."""
    rng = np.random.default_rng(4)
    missing = 0
    for _ in range(500):
        numbers = rng.integers((0, 1, -10, -128, 0), (2**32, 701, 0, 128, 2))
        weights, channel, fields, _ = _channel(*(int(n) for n in numbers))
        missing += swar.requants(weights, CHANNEL.pack(channel), fields) is None
    assert missing <= 2


def test_requantisation_of_dead_channels() -> None:
    """Channels without weights, whatever their bias and multiplier."""
    fields = {"out_zero_point": -128, "act_min": -128, "act_max": 127}
    for bias, multiplier, shift in ((1 << 30, 1 << 30, -28), (-(1 << 30), 0, 0), (5, (1 << 31) - 1, -31)):
        stream = CHANNEL.pack({"bias": bias, "multiplier": multiplier, "shift": shift})
        found = swar.requants(np.zeros((1, 3), np.int8), stream, fields)
        assert found is not None
        acc = np.array([bias])
        np.testing.assert_array_equal(_device(found[0], acc), q.requantize(acc, multiplier, shift, -128, (-128, 127)))


def test_left_shift_has_no_proof() -> None:
    stream = CHANNEL.pack({"bias": 0, "multiplier": 1 << 30, "shift": 1})
    fields = {"out_zero_point": 0, "act_min": -128, "act_max": 127}
    assert swar.requants(np.ones((1, 3), np.int8), stream, fields) is None
