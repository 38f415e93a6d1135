"""Kernels with the DSP instructions of Cortex-M4, M7, M33 and M55: layouts of native_module/kernels/dsp.

What the kernels rely on beyond the loader's checks, and what is proven here for the weights at hand: every product, sum and rounding
constant stays within 32 bits, so that the requantisation of kernels/dsp/requantise.h equals ``tml_requantise``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant
from .costs import Counts, fitted

TARGETS = frozenset({"m4"})
_QUAD = 4  # inputs that a word of weights belongs to
_PIXELS = 4  # of a block
_LIMIT = 1 << 31
_SUM_LIMIT = 1 << 23  # of sums that are carried 256 times as large
_NO_PROOF = "sums may leave 32 bits with these weights"


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


def _constant_channels(layer: Layer) -> tuple[Array, Array]:
    """Whether a channel's output is the same for all inputs, and that output: dead channels have biases of any size."""
    low, high = layer.bias - layer.largest_sum, layer.bias + layer.largest_sum
    ends = [
        q.requantize(x, layer.multiplier, layer.shift, layer.zero_point, (-128, 127)).astype(np.int64)
        for x in (low, high)
    ]
    sound = (layer.shift <= 0) & (low >= -_LIMIT) & (high < _LIMIT)  # then the output grows with the sum
    return sound & (ends[0] == ends[1]), ends[0]


def channel_stream(layer: Layer, round_up: int) -> bytes | None:
    """``tml_dsp_channel_t`` of all channels and of padding to a multiple of ``round_up``, or None where a bound cannot be proven."""
    constant, value = _constant_channels(layer)
    bias, multiplier = (np.where(constant, 0, x) for x in (layer.bias, layer.multiplier))
    right = np.where(constant, 1, -layer.shift)
    largest = layer.largest_sum + np.abs(bias)
    shortest = 0 if layer.zero_point == -128 else 1
    if 2 * largest.max() >= _LIMIT or right.min() < shortest or right.max() > 31:
        return None
    rounding = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0) + (np.int64(layer.zero_point) << right)
    rounding = np.where(constant, 2 * value + 1, rounding)
    if (largest + np.abs(rounding)).max() >= _LIMIT - 2:
        return None
    entries = np.stack([2 * bias, multiplier, rounding, right], axis=1)
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
    paired: Array = both.reshape(len(both), -1, _QUAD)[:, :, [0, 2, 1, 3]].astype("<i2")
    return paired


@dataclass(frozen=True, slots=True)
class Windows:
    """What a convolution gathers: sizes of kernels/dsp/conv_2d.c."""

    row_quads: int
    quads: int
    channels: int  # rounded up to pairs
    pitch: int  # bytes of a copied row of the input; 0: windows are read in place
    rows: int

    @property
    def scratch_bytes(self) -> int:
        """Pairs of four pixels, copied rows, four output pixels."""
        return self.quads * 2 * _QUAD * _PIXELS + self.rows * self.pitch + _PIXELS * self.channels


def _windows(f: dict[str, int]) -> Windows:
    row = f["filter_w"] * f["in_c"]
    row_quads = -(-row // _QUAD)
    unpadded = f["pad_top"] == f["pad_left"] == 0 and row % _QUAD == 0
    fits_w = (f["out_w"] - 1) * f["stride_w"] + f["filter_w"] <= f["in_w"]
    fits_h = (f["out_h"] - 1) * f["stride_h"] + (f["filter_h"] - 1) * f["dilation_h"] < f["in_h"]
    width = (f["out_w"] - 1) * f["stride_w"] * f["in_c"] + _QUAD * row_quads
    pitch = 0 if unpadded and fits_w and fits_h else -(-width // 4) * 4
    return Windows(row_quads, f["filter_h"] * row_quads, f["out_c"] + f["out_c"] % 2, pitch, f["filter_h"])


def _lower_conv_2d(graph: Graph, op: Op, step: Step, target: str) -> Step | str:
    f = step.fields
    if f["dilation_w"] > 1 and f["filter_w"] > 1:
        return f"filters are dilated across by {f['dilation_w']}"
    row = f["filter_w"] * f["in_c"]
    layer = layer_of(step, f["filter_h"] * row)
    rows = np.pad(layer.weights.reshape(-1, f["filter_h"], row), ((0, 0), (0, 0), (0, -row % _QUAD)))
    weights, stream = pair_weights(rows.reshape(f["out_c"], -1)), channel_stream(layer, 2)
    if weights is None or stream is None:
        return _NO_PROOF
    return replace(
        step, constants={"weights": weights.tobytes(), "aux": stream}, scratch_bytes=_windows(f).scratch_bytes
    )


def _segments(f: dict[str, int]) -> tuple[int, int]:
    """How many pixels are gathered four at a time, and how many one at a time because a row of the output ends."""
    together = lane = 0
    for _ in range(f["out_h"]):
        whole = max(0, f["out_w"] - -lane % _PIXELS) // _PIXELS
        together += _PIXELS * whole
        lane = (lane + f["out_w"]) % _PIXELS
    return together, f["out_h"] * f["out_w"] - together


def _clamped(f: dict[str, int], outputs: int) -> int:
    return 0 if (f["act_min"], f["act_max"]) == (-128, 127) else outputs


def _count_conv_2d(f: dict[str, int]) -> Counts:
    w, pixels = _windows(f), f["out_h"] * f["out_w"]
    blocks, (together, alone) = -(-pixels // _PIXELS), _segments(f)
    pairs = blocks * w.channels // 2
    direct = pixels // _PIXELS * _PIXELS if f["out_c"] % 2 == 0 else 0
    band_rows = f["out_h"] * w.rows if w.pitch else 0
    return {
        "layer": 1.0,
        "row": float(f["out_h"]),
        "block": float(blocks),
        "pair": float(pairs),
        "pair_tie": float(pairs if f["out_zero_point"] != -128 else 0),
        "pair_quad": float(pairs * w.quads),
        "pair_turn": float(pairs * -(-w.quads // 4)),
        "gather_4_row": float(together // 4 * w.rows),
        "gather_4_quad": float(together // 4 * w.quads),
        "gather_1": float(alone),
        "gather_1_row": float(alone * w.rows),
        "gather_1_quad": float(alone * w.quads),
        "band_row": float(band_rows),
        "band_byte": float(band_rows * w.pitch),
        "by_scratch": float(pixels - direct),
        "by_scratch_byte": float((pixels - direct) * f["out_c"]),
        "clamped": float(_clamped(f, pixels * f["out_c"])),
    }


def _cost_conv_2d(step: Step, target: str) -> float:
    return fitted(target, "dsp", "CONV_2D", _count_conv_2d(step.fields))


_TAPS = 3
_CHANNELS = 4  # of a depthwise convolution at a time
_STRIP_BYTES = 4096  # of scratch for a strip of rows, unless three rows need more


@dataclass(frozen=True, slots=True)
class Rows:
    """How a depthwise convolution runs: rows along the longer side of the output, unpacked in strips."""

    transposed: bool
    count: int  # rows of the output
    outputs: int  # of a row
    stride: int  # from row to row
    words: int  # of a channel in an unpacked row
    strip: int  # rows of the output at a time

    @property
    def bytes(self) -> int:
        """Of an unpacked row."""
        return self.words * 4 * _CHANNELS

    @property
    def scratch_bytes(self) -> int:
        """Of a strip."""
        return ((self.strip - 1) * self.stride + _TAPS) * self.bytes


def _rows(fields: dict[str, int]) -> Rows:
    transposed = fields["out_h"] > fields["out_w"]
    along, across = ("h", "w") if transposed else ("w", "h")
    outputs, stride = fields[f"out_{along}"], fields[f"stride_{across}"]
    rows = Rows(
        transposed, fields[f"out_{across}"], outputs, stride, -(-outputs // 4) * 2 * fields[f"stride_{along}"] + 1, 1
    )
    fitting = (_STRIP_BYTES // rows.bytes - _TAPS) // stride + 1
    return replace(rows, strip=max(1, min(rows.count, fitting)))


def _planes_apply(fields: dict[str, int]) -> bool:
    square = fields["filter_h"] == fields["filter_w"] == _TAPS and fields["dilation_h"] == fields["dilation_w"] == 1
    along = fields["stride_h"] if fields["out_h"] > fields["out_w"] else fields["stride_w"]
    return square and along <= 2 and fields["in_c"] == fields["out_c"] and fields["in_c"] % _CHANNELS == 0


def _lower_depthwise_conv_2d(graph: Graph, op: Op, step: Step, target: str) -> Step | str:
    f = step.fields
    taps = np.frombuffer(step.constants["weights"], np.int8).reshape(-1, f["out_c"]).T
    by_channel = replace(step, constants=step.constants | {"weights": taps.tobytes()})
    if f["in_c"] == 1:
        return _lower_conv_2d(graph, op, replace(by_channel, operator="CONV_2D"), target)
    if not _planes_apply(f):
        return "not a 3x3 filter of stride up to 2 on a multiple of four channels"
    stream, rows = channel_stream(layer_of(by_channel, len(taps[0])), 1), _rows(f)
    if stream is None:
        return _NO_PROOF
    filters = taps.reshape(-1, _TAPS, _TAPS)
    filters = np.pad(filters.transpose(0, 2, 1) if rows.transposed else filters, ((0, 0), (0, 0), (0, 1)))
    return replace(step, constants={"weights": filters.tobytes(), "aux": stream}, scratch_bytes=rows.scratch_bytes)


def _count_depthwise_conv_2d(f: dict[str, int]) -> Counts:
    rows, groups = _rows(f), f["out_c"] // _CHANNELS
    along = f["stride_h"] if rows.transposed else f["stride_w"]
    strips = -(-rows.count // rows.strip)
    unpacked = rows.count * rows.stride + strips * (_TAPS - rows.stride)
    per_channel = f["out_c"] * rows.count
    fours, left = divmod(rows.outputs, 4)
    return {
        "layer": 1.0,
        "strip": float(groups * strips),
        "unpacked_row": float(groups * unpacked),
        "unpacked_word": float(groups * unpacked * rows.words),
        "channel": float(f["out_c"] * strips),
        f"row_{along}": float(per_channel),
        f"four_{along}": float(per_channel * (fours + (left == 3))),  # three are made as four
        f"two_{along}": float(per_channel * (left in (1, 2))),
        "clamped": float(_clamped(f, f["out_c"] * f["out_h"] * f["out_w"])),
    }


def _cost_depthwise_conv_2d(step: Step, target: str) -> float:
    if step.operator == "CONV_2D":
        return _cost_conv_2d(step, target)
    return fitted(target, "dsp", "DEPTHWISE_CONV_2D", _count_depthwise_conv_2d(step.fields))


_ROWS = 4  # of a fully-connected layer at a time
_MAX_EXPANDED_BYTES = 4096  # of scratch: a longer input is not worth the memory


def _lower_fully_connected(graph: Graph, op: Op, step: Step, target: str) -> Step | str:
    f = step.fields
    layer, quads = layer_of(step, f["in_features"]), -(-f["in_features"] // _QUAD)
    stream = channel_stream(layer, _ROWS)
    pairs = pair_weights(np.pad(layer.weights, ((0, -f["out_features"] % _ROWS), (0, 0))))
    if 8 * quads > _MAX_EXPANDED_BYTES:
        return f"scratch of {8 * quads} B for the expanded input, the limit is {_MAX_EXPANDED_BYTES} B"
    if stream is None or pairs is None:
        return _NO_PROOF
    groups = pairs.reshape(-1, 2, quads, _QUAD).transpose(0, 2, 1, 3)
    return replace(step, constants={"weights": groups.tobytes(), "aux": stream}, scratch_bytes=8 * quads + _ROWS)


def _count_fully_connected(f: dict[str, int]) -> Counts:
    quads, groups, rest = -(-f["in_features"] // _QUAD), -(-f["out_features"] // _ROWS), f["out_features"] % _ROWS
    per_row = {
        "row": 1,
        "expanded_quad": quads,
        "expanded_part": int(f["in_features"] % _QUAD > 0),
        "group": groups,
        "group_quad": groups * quads,
        "group_turn": groups * -(-quads // 4),
        "by_scratch": int(rest > 0),
        "clamped": _clamped(f, f["out_features"]),
    }
    return {"layer": 1.0} | {part: float(f["rows"] * count) for part, count in per_row.items()}


def _cost_fully_connected(step: Step, target: str) -> float:
    return fitted(target, "dsp", "FULLY_CONNECTED", _count_fully_connected(step.fields))


VARIANTS = (
    Variant("dsp", "CONV_2D", TARGETS, _lower_conv_2d, _cost_conv_2d, lambda step: _count_conv_2d(step.fields)),
    Variant(
        "dsp",
        "DEPTHWISE_CONV_2D",
        TARGETS,
        _lower_depthwise_conv_2d,
        _cost_depthwise_conv_2d,
        lambda step: _count_depthwise_conv_2d(step.fields),
    ),
    Variant(
        "dsp",
        "FULLY_CONNECTED",
        TARGETS,
        _lower_fully_connected,
        _cost_fully_connected,
        lambda step: _count_fully_connected(step.fields),
    ),
)
