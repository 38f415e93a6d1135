"""DEPTHWISE_CONV_2D two products per multiplication; see native_module/kernels/m0plus/depthwise_conv_2d.c for kernel and layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant
from .swar import MAX_SCRATCH_BYTES, MAX_WINDOW, Requant, requants

_ROWS = 6  # of output, in a block
_LEAST_ROWS = 3
_ROWS_LEFT = 2  # at most, to be filtered with rows and columns swapped
_POSITION_BYTES = 36
_BLOCK_BYTES = 64
_FACTOR_BITS = 14
_BY_PAIRS = 0.35  # of the channels of the models we know

# Cycles, fitted to the emulated Pico. Those of a column by stride.
_PER_LAYER, _PER_CHANNEL, _PER_TRANSPOSED, _PER_BLOCK = 3000.0, 150.0, 300.0, 65.0
_PER_WINDOW, _MORE_FOR_PAIRS = 256.0, 26.0
_PER_COLUMN = (57.0, 83.0)


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | str | None:
    f = step.fields
    scratch = _scratch_bytes(f)
    if not _fits(f):
        return "is made for 3 x 3 filters, strides 1 or 2, as many output as input channels, at least 3 output rows"
    if scratch > MAX_SCRATCH_BYTES:
        return f"would need {scratch} bytes of scratch, more than {MAX_SCRATCH_BYTES}"
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(3, 3, f["out_c"])
    taps = weights.transpose(2, 1, 0).reshape(-1, 9)  # column by column
    scales = requants(taps, step.constants["channels"], f, _FACTOR_BITS)
    if scales is None:
        return "requantisation by two multiplications is not provable"
    if np.sort(np.abs(taps.astype(np.int64)))[:, -2:].sum(axis=1).max() > MAX_WINDOW:
        return "two products do not fit 16 bits"
    return replace(step, constants={"aux": stream(taps, step.constants["channels"], scales)}, scratch_bytes=scratch)


def _fits(f: dict[str, int]) -> bool:
    filters = f["filter_h"] == f["filter_w"] == 3 and f["dilation_h"] == f["dilation_w"] == 1
    return filters and max(f["stride_h"], f["stride_w"]) <= 2 and f["in_c"] == f["out_c"] and f["out_h"] >= _LEAST_ROWS


def _columns(f: dict[str, int]) -> int:
    return (f["out_w"] - 1) * f["stride_w"] + 3


def _blocks(rows: int) -> int:
    return -(-rows // _ROWS)


def _rows_left(f: dict[str, int]) -> int:
    left = f["out_h"] % _ROWS
    return left if left <= _ROWS_LEFT and f["out_w"] >= _LEAST_ROWS else 0


def _scratch_bytes(f: dict[str, int]) -> int:
    left = _rows_left(f)
    blocks = max(_blocks(f["out_h"]), _blocks(f["out_w"])) if left else _blocks(f["out_h"])
    outside = (left - 1) * f["stride_h"] + 3 if left else 1
    return _POSITION_BYTES * _columns(f) + _BLOCK_BYTES * blocks + outside * f["in_w"] * f["in_c"]


def _sums(taps: Array, window: int) -> Array:
    """The largest sum of magnitudes of each channel over windows of so many taps: [channels]."""
    padded = np.pad(np.abs(taps.astype(np.int64)), ((0, 0), (0, -taps.shape[1] % window)))
    sums: Array = padded.reshape(len(taps), -1, window).sum(axis=2).max(axis=1)
    return sums


def stream(taps: Array, channels: bytes, scales: list[Requant]) -> bytes:
    """The constants, ``tml_swar_filter_t`` of each channel: its taps, whether windows are pairs, start, scale."""
    by_pairs = _sums(taps, 3) > MAX_WINDOW
    out = []
    for number, (row, scale) in enumerate(zip(taps, scales, strict=True)):
        start = CHANNEL.unpack(channels, number * CHANNEL.nbytes)["bias"] - scale.origin
        offset, limit, high, low, *_ = scale.words()
        words = np.array([start & 0xFFFFFFFF, limit, offset, high, low], np.uint32)
        out.append(row.tobytes() + bytes([int(by_pairs[number]), 0, 0]) + words.tobytes())
    return b"".join(out)


def _cost(step: Step, target: str) -> float:
    f = step.fields
    left = _rows_left(f)
    columns = min(_columns(f), f["in_w"])
    channel = _PER_CHANNEL + _blocks(f["out_h"] - left) * _block(f, f["out_w"], columns, _BY_PAIRS)
    if left:
        rows = (left - 1) * f["stride_h"] + 3
        channel += _PER_TRANSPOSED + _blocks(f["out_w"]) * _block(f, left, rows, 1.0)
    return float(_PER_LAYER + f["out_c"] * channel)


def _block(f: dict[str, int], windows: int, columns: int, by_pairs: float) -> float:
    window = _PER_WINDOW + by_pairs * _MORE_FOR_PAIRS
    return _PER_BLOCK + windows * window + columns * _PER_COLUMN[f["stride_h"] - 1]


VARIANTS = (Variant("swar", "DEPTHWISE_CONV_2D", frozenset({"m0plus"}), _lower, _cost),)
