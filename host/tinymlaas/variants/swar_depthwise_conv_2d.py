"""DEPTHWISE_CONV_2D two products per multiplication; see native_module/kernels/m0plus/depthwise_conv_2d.c for kernel and layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant
from .swar import MAX_SCRATCH_BYTES, MAX_WINDOW, Requant, requants

_PARTS = 4

# Cycles, fitted to the emulated Pico.
_PER_WINDOW, _PER_POSITION, _PER_ROW, _PER_CHANNEL = 205.0, 22.0, 250.0, 400.0


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | None:
    f = step.fields
    scratch = 8 * _positions(f)
    if not _fits(f) or scratch > MAX_SCRATCH_BYTES:
        return None
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(9, f["out_c"]).T
    scales = requants(weights, step.constants["channels"], f)
    if scales is None or any(s.negative for s in scales) or _pairs(weights).max() > MAX_WINDOW:
        return None
    return replace(step, constants={"aux": stream(weights, step.constants["channels"], scales)}, scratch_bytes=scratch)


def _fits(f: dict[str, int]) -> bool:
    square = f["filter_h"] == f["filter_w"] == 3 and f["stride_h"] == f["stride_w"]
    return square and f["dilation_h"] == f["dilation_w"] == 1 and f["in_c"] == f["out_c"]


def _rows(f: dict[str, int]) -> int:
    return (-(-f["out_h"] // _PARTS) - 1) * f["stride_h"] + 3


def _positions(f: dict[str, int]) -> int:
    return _rows(f) * ((f["out_w"] - 1) * f["stride_w"] + 3)


def _pairs(weights: Array) -> Array:
    """Sums of magnitudes of two weights each: [channels, 5]."""
    pairs: Array = np.abs(np.pad(weights.astype(np.int64), ((0, 0), (0, 1)))).reshape(-1, 5, 2).sum(axis=2)
    return pairs


def stream(weights: Array, channels: bytes, scales: list[Requant]) -> bytes:
    """The constants: per channel weights, whether windows are pairs, start, scale."""
    by_pairs = np.abs(weights.astype(np.int64)).reshape(-1, 3, 3).sum(axis=2).max(axis=1) > MAX_WINDOW
    out = []
    for number, (row, scale) in enumerate(zip(weights, scales, strict=True)):
        start = CHANNEL.unpack(channels, number * CHANNEL.nbytes)["bias"] - scale.origin
        words = [start & 0xFFFFFFFF, *scale.words()[:5]]
        out.append(row.tobytes() + bytes([int(by_pairs[number]), 0, 0]) + np.array(words, np.uint32).tobytes())
    return b"".join(out)


def _cost(step: Step, target: str) -> float:
    f = step.fields
    windows = -(-f["out_h"] // _PARTS) * f["out_w"]
    per_channel = windows * _PER_WINDOW + _positions(f) * _PER_POSITION + _rows(f) * _PER_ROW + _PER_CHANNEL
    return float(f["out_c"] * per_channel)


VARIANTS = (Variant("swar", "DEPTHWISE_CONV_2D", frozenset({"m0plus"}), _lower, _cost),)
