"""CONV_2D two products per multiplication; see native_module/kernels/m0plus/conv_2d.c for kernel and layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant
from .swar import MAX_SCRATCH_BYTES, Requant, clip_windows, requants, rest_entries

_PIXELS = 4
_TARGETS = frozenset({"m0plus"})

# Cycles, fitted to the emulated Pico.
_PER_WORD, _PER_REST, _PER_CHANNEL, _PER_BLOCK = 42.5, 16.0, 115.0, 120.0
_PER_TAP_ROW, _PER_PACKED, _PER_PACKED_BYTE = 330.0, 19.0, 26.0


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | None:
    f = step.fields
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(f["out_c"], -1)
    scratch = _scratch_bytes(weights.shape[1], f["filter_w"] * f["in_c"])
    if f["out_h"] * f["out_w"] < _PIXELS or scratch > MAX_SCRATCH_BYTES:
        return None
    scales = requants(weights, step.constants["channels"], f)
    if scales is None:
        return None
    aux = stream(weights, step.constants["channels"], scales)
    return replace(step, constants={"aux": aux}, scratch_bytes=scratch)


def _scratch_bytes(patch: int, row: int) -> int:
    return 8 * (patch + -patch % 4) + 2 * row


def stream(weights: Array, channels: bytes, scales: list[Requant]) -> bytes:
    """The constants: per channel start, weights four a word, bytes of the rest, the rest, the scale."""
    padded = np.pad(weights, ((0, 0), (0, -weights.shape[1] % 4)))
    out = []
    for number, (row, scale) in enumerate(zip(padded, scales, strict=True)):
        bias = CHANNEL.unpack(channels, number * CHANNEL.nbytes)["bias"]
        clipped, rest = clip_windows(row.reshape(-1, 4))
        entries = rest_entries(rest, 8)
        words = np.array([bias - scale.origin], np.int64).astype(np.int32).tobytes()
        words += clipped.astype(np.int8).tobytes()
        out.append(words + np.array([4 * len(entries), *entries, *scale.words()], np.uint32).tobytes())
    return b"".join(out)


def _cost(step: Step, target: str) -> float:
    f = step.fields
    patch = f["filter_h"] * f["filter_w"] * f["in_c"]
    words, blocks = -(-patch // 4), -(-f["out_h"] * f["out_w"] // _PIXELS)
    rest = len(step.constants["aux"]) / 4 - f["out_c"] * (words + 8)
    per_byte = _PER_PACKED if f["in_c"] % 4 == 0 else _PER_PACKED_BYTE
    channels = f["out_c"] * (words * _PER_WORD + _PER_CHANNEL) + rest * _PER_REST
    return float(blocks * (_PER_BLOCK + f["filter_h"] * _PER_TAP_ROW + patch * per_byte + channels))


VARIANTS = (Variant("swar", "CONV_2D", _TARGETS, _lower, _cost),)
