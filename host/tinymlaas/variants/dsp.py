"""Kernels with the DSP instructions of Cortex-M4, M7, M33 and M55: layouts of native_module/kernels/dsp.

What the kernels rely on beyond the loader's checks, and what is proven here for the weights at hand: every product, sum and rounding
constant stays within 32 bits, so that the requantisation of kernels/dsp/requantise.h equals ``tml_requantise``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant

TARGETS = frozenset({"m4"})
_QUAD = 4  # inputs that a word of weights belongs to
_PIXELS = 4  # of a block
_LIMIT = 1 << 31
_SUM_LIMIT = 1 << 23  # of sums that are carried 256 times as large


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """An operator with weights as the kernels see it. weights: int64 [channels, inputs]; the rest int64 [channels] each."""

    weights: Array
    bias: Array
    multiplier: Array
    shift: Array
    zero_point: int

    @property
    def largest_sum(self) -> Array:
        """What no sum of products exceeds in magnitude, whatever the inputs."""
        bound: Array = 128 * np.abs(self.weights).sum(axis=1)
        return bound


def layer_of(step: Step, inputs: int) -> Layer:
    """The constants of a plain step whose weights are [channels, inputs]."""
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(-1, inputs).astype(np.int64)
    stream = step.constants["channels"]
    entries = [CHANNEL.unpack(stream, i * CHANNEL.nbytes) for i in range(len(stream) // CHANNEL.nbytes)]
    bias, multiplier, shift = (np.array([e[k] for e in entries], np.int64) for k in ("bias", "multiplier", "shift"))
    return Layer(weights, bias, multiplier, shift, step.fields["out_zero_point"])


def channel_stream(layer: Layer, round_up: int) -> bytes | None:
    """``tml_dsp_channel_t`` of all channels and of padding to a multiple of ``round_up``, or None where a bound cannot be proven."""
    largest = layer.largest_sum + np.abs(layer.bias)
    right = -layer.shift
    # Where even the largest sum rounds to nothing the shift does not matter; it may then be too long for the constants below.
    nothing = largest * layer.multiplier < np.int64(1) << np.clip(29 + right, 0, 62)
    multiplier = np.where(nothing, 0, layer.multiplier)
    right = np.where(nothing, 1, right)
    shortest = 0 if layer.zero_point == -128 else 1
    if 2 * largest.max() >= _LIMIT or right.min() < shortest or right.max() > 31:
        return None
    rounding = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0) + (np.int64(layer.zero_point) << right)
    if (largest + np.abs(rounding)).max() >= _LIMIT - 2:
        return None
    entries = np.stack([2 * layer.bias, multiplier, rounding, right], axis=1)
    padding = np.zeros((-len(entries) % round_up, 4), np.int64)
    return np.concatenate([entries, padding]).astype("<i4").tobytes()


def pair_weights(weights: Array) -> Array | None:
    """int16 [pairs of channels, quads, 4]: 256 * the odd channel + the even one, inputs of a quad in the order 0 2 1 3.

    None where a value does not fit, or where 256 times the odd channel's sum might leave 32 bits.
    """
    channels, inputs = weights.shape
    padded = np.pad(weights, ((0, channels % 2), (0, -inputs % _QUAD)))
    both = 256 * padded[1::2] + padded[::2]
    if both.min() < -(1 << 15) or (128 * np.abs(padded[1::2]).sum(axis=1)).max() >= _SUM_LIMIT:
        return None
    return both.reshape(len(both), -1, _QUAD)[:, :, [0, 2, 1, 3]].astype("<i2")


def _quads(step: Step) -> int:
    f = step.fields
    return -(-f["filter_h"] * f["filter_w"] * f["in_c"] // _QUAD)


def _lower_conv_2d(graph: Graph, op: Op, step: Step, target: str) -> Step | None:
    f = step.fields
    layer = layer_of(step, f["filter_h"] * f["filter_w"] * f["in_c"])
    weights, stream = pair_weights(layer.weights), channel_stream(layer, 2)
    if weights is None or stream is None:
        return None
    channels = f["out_c"] + f["out_c"] % 2
    scratch_bytes = _quads(step) * 36 + _PIXELS * channels
    return replace(step, constants={"weights": weights.tobytes(), "aux": stream}, scratch_bytes=scratch_bytes)


def _cost_conv_2d(step: Step, target: str) -> float:
    f = step.fields
    blocks = -(-f["out_h"] * f["out_w"] // _PIXELS)
    quads, pairs = _quads(step), -(-f["out_c"] // 2)
    tile = 24 * quads + 3 * -(-quads // 4) + 66
    pixel = 40 + 20 * f["filter_h"] + 6 * quads
    return float(blocks * (60 + _PIXELS * pixel + pairs * tile))


VARIANTS = (Variant("dsp", "CONV_2D", TARGETS, _lower_conv_2d, _cost_conv_2d),)
