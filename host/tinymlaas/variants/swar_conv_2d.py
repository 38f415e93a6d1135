"""CONV_2D two products per multiplication; see native_module/kernels/m0plus/conv_2d.c for kernel and layout."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from ..planfmt import CHANNEL
from .base import Variant
from .swar import MAX_SCRATCH_BYTES, Requant, clip_windows, requants

_PIXELS = 4
_TARGETS = frozenset({"m0plus"})
_SPARSE, _TIES, _LAST = 1 << 8, 1 << 9, 1 << 10  # TML_SWAR_* of kernels/mk/swar_models.h
_MAX_LANES_BYTES = 0x8000  # entries of a rest point back from their end

# Cycles, fitted to the emulated Pico.
_PER_WORD, _PER_REST, _PER_CHANNEL, _PER_BLOCK = 42.0, 16.0, 95.0, 120.0
_PER_TAP_ROW, _PER_PACKED = 330.0, 19.0


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | None:
    f = step.fields
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(f["out_c"], -1)
    scratch = _scratch_bytes(f)
    if f["out_h"] * f["out_w"] < _PIXELS or scratch > MAX_SCRATCH_BYTES:
        return None
    scales = requants(weights, step.constants["channels"], f)
    if scales is None:
        return None
    aux = stream(weights, step.constants["channels"], scales)
    return replace(step, constants={"aux": aux}, scratch_bytes=scratch)


def _scratch_bytes(f: dict[str, int]) -> int:
    patch = f["filter_h"] * f["filter_w"] * f["in_c"]
    return 8 * (patch + -patch % 4) + (_PIXELS * patch if _needs_copies(f) else 0)


def _needs_copies(f: dict[str, int]) -> bool:
    """Whether a filter reaches beyond the image or is dilated along rows."""
    bottom = (f["out_h"] - 1) * f["stride_h"] + (f["filter_h"] - 1) * f["dilation_h"]
    right = (f["out_w"] - 1) * f["stride_w"] + f["filter_w"]
    padded = f["pad_top"] or f["pad_left"] or bottom >= f["in_h"] or right > f["in_w"]
    return bool(padded or f["dilation_w"] != 1)


@dataclass(frozen=True, slots=True)
class _Channel:
    """Weights of a channel as words, four each (none: sparse), and as entries of the rest."""

    words: list[int]
    rest: list[int]

    def stream(self) -> list[int]:
        return [*self.words, 4 * len(self.rest), *self.rest]


def stream(weights: Array, channels: bytes, scales: list[Requant]) -> bytes:
    """The constants: flags, then per channel start, weights four a word unless sparse, bytes of the rest, the rest, the scale."""
    padded = np.pad(weights, ((0, 0), (0, -weights.shape[1] % 4)))
    parts = [_channel(row) for row in padded]
    flags = [0 if p.words else _SPARSE for p in parts] + [_LAST]
    out = flags[:1]
    for number, (part, scale) in enumerate(zip(parts, scales, strict=True)):
        bias = CHANNEL.unpack(channels, number * CHANNEL.nbytes)["bias"]
        out += [bias - scale.origin & 0xFFFFFFFF, *part.stream(), *_scale(scale, flags[number + 1])]
    return np.array(out, np.uint32).tobytes()


def _channel(row: Array) -> _Channel:
    """Whichever is faster: words, and a rest where their windows would not hold; or everything as rest."""
    if np.count_nonzero(row) * _PER_REST < len(row) / 4 * _PER_WORD:
        return _Channel([], _entries(clip_windows(row.reshape(-1, 4), 0)[1], len(row)))
    clipped, rest = clip_windows(row.reshape(-1, 4))
    return _Channel(clipped.astype(np.int8).reshape(-1).view(np.uint32).tolist(), _entries(rest, len(row)))


def _entries(rest: list[tuple[int, int]], n: int) -> list[int]:
    """Bytes from the end of the lanes in the low half, weight in the high one; an even number."""
    words = [8 * (index - n) & 0xFFFF | (weight & 0xFFFF) << 16 for index, weight in rest]
    return words + [0xFFF8] * (len(words) % 2)


def _scale(scale: Requant, flags: int) -> list[int]:
    *words, bits, negative = scale.words()
    return [*words, bits | flags | _TIES, negative] if negative else [*words, bits | flags]


def _cost(step: Step, target: str) -> float:
    f = step.fields
    patch = f["filter_h"] * f["filter_w"] * f["in_c"]
    words, blocks = -(-patch // 4), -(-f["out_h"] * f["out_w"] // _PIXELS)
    rest = len(step.constants["aux"]) / 4 - f["out_c"] * (words + 7)
    channels = f["out_c"] * (words * _PER_WORD + _PER_CHANNEL) + rest * _PER_REST
    return float(blocks * (_PER_BLOCK + f["filter_h"] * _PER_TAP_ROW + patch * _PER_PACKED + channels))


VARIANTS = (Variant("swar", "CONV_2D", _TARGETS, _lower, _cost),)
