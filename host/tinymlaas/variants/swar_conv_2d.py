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
_TIES, _SPARSE, _LAST = 1 << 8, 1 << 9, 1 << 10  # TML_SWAR_* of kernels/mk/swar_models.h

# Cycles, fitted to the emulated Pico.
_PER_WORD, _PER_WORD_OF_PAIR, _PER_REST, _PER_CHANNEL, _PER_TIES, _PER_BLOCK = 42.0, 31.0, 16.0, 96.0, 25.0, 400.0
_PER_PACKED, _PER_PACKED_ROW = 19.0, 9.0
_PER_COPY, _PER_COPIED_ROW, _PER_COPIED = 260.0, 110.0, 2.0  # of patches that reach beyond the image


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | str:
    f = step.fields
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(f["out_c"], -1)
    scratch = _scratch_bytes(f)
    if f["out_h"] * f["out_w"] < _PIXELS:
        return f"makes {_PIXELS} pixels at a time, the layer has {f['out_h'] * f['out_w']}"
    if scratch > MAX_SCRATCH_BYTES:
        return f"needs {scratch} B of scratch, more than {MAX_SCRATCH_BYTES}"
    scales = requants(weights, step.constants["channels"], f)
    if scales is None:
        return "requantisation by two multiplications is not exact for every sum"
    aux = stream(weights, step.constants["channels"], scales)
    return replace(step, constants={"aux": aux}, scratch_bytes=scratch)


def _scratch_bytes(f: dict[str, int]) -> int:
    """Lanes, and where the filter reaches beyond the image, copies of patches or, if it fits, of the image with its padding."""
    patch = f["filter_h"] * f["filter_w"] * f["in_c"]
    lanes = _lanes_bytes(patch)
    if not _outside(f):
        return lanes
    copies, padded = lanes + _PIXELS * patch, lanes + _padded_bytes(f)
    return padded if copies < padded <= MAX_SCRATCH_BYTES and f["dilation_w"] == 1 else copies


def _lanes_bytes(patch: int) -> int:
    return 8 * (patch + -patch % 4)


def _reach(f: dict[str, int], side: str) -> int:
    """Rows or columns that all filters together see."""
    return (f[f"out_{side}"] - 1) * f[f"stride_{side}"] + (f[f"filter_{side}"] - 1) * f[f"dilation_{side}"] + 1


def _padded_bytes(f: dict[str, int]) -> int:
    return _reach(f, "h") * _reach(f, "w") * f["in_c"]


def _outside(f: dict[str, int]) -> int:
    """Pixels whose patches are copied first: they reach beyond the image, or are dilated along rows."""
    pixels = f["out_h"] * f["out_w"]
    return pixels if f["dilation_w"] != 1 else pixels - _inside(f, "h", "pad_top") * _inside(f, "w", "pad_left")


def _inside(f: dict[str, int], side: str, pad: str) -> int:
    """Positions of the filter along one side that lie inside the image."""
    stride, last = f[f"stride_{side}"], f[f"in_{side}"] - 1 - (f[f"filter_{side}"] - 1) * f[f"dilation_{side}"]
    begins = range(-f[pad], f[f"out_{side}"] * stride - f[pad], stride)
    return sum(0 <= begin <= last for begin in begins)


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
    words, (full, left) = -(-patch // 4), divmod(f["out_h"] * f["out_w"], _PIXELS)
    dense, rest, ties = _contents(np.frombuffer(step.constants["aux"], np.uint32), words)
    packing = patch * _PER_PACKED + f["filter_h"] * _PER_PACKED_ROW
    block = _PER_BLOCK + packing + f["out_c"] * _PER_CHANNEL + rest * _PER_REST + ties * _PER_TIES
    per_word = [0.0, _PER_WORD_OF_PAIR, _PER_WORD_OF_PAIR, _PER_WORD][left]
    words_cycles = dense * words * (full * _PER_WORD + per_word)
    return float((full + (left > 0)) * block + words_cycles + _copying(step, patch))


def _copying(step: Step, patch: int) -> float:
    """Of patches that reach beyond the image, or of the image with its padding."""
    f, outside = step.fields, _outside(step.fields)
    room = step.scratch_bytes - _lanes_bytes(patch)
    if not outside or (f["dilation_w"] == 1 and _padded_bytes(f) <= room):
        return _padded_bytes(f) * 3.0 if outside else 0.0
    return float(outside * (_PER_COPY + f["filter_h"] * _PER_COPIED_ROW + patch * _PER_COPIED))


def _contents(data: Array, words: int) -> tuple[int, int, int]:
    """What is in a stream: channels with words of weights, entries of the rest, channels with ties."""
    dense = entries = ties = 0
    at, flags = 1, int(data[0])
    while not flags & _LAST:
        at += 1 if flags & _SPARSE else 1 + words
        dense += not flags & _SPARSE
        rest = int(data[at]) // 4
        entries += rest
        flags = int(data[at + rest + 5])
        at += rest + 6 + bool(flags & _TIES)
        ties += bool(flags & _TIES)
    return dense, entries, ties


VARIANTS = (Variant("swar", "CONV_2D", _TARGETS, _lower, _cost),)
