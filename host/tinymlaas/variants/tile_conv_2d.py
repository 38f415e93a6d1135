"""CONV_2D two products per multiplication for cores with many registers: native_module/kernels/rv32/conv_2d.c.

Proven here for the weights at hand: in every window of four the magnitudes sum up to at most 255, so that with |x| <= 128 a lane of
16 bits holds the sum of its products. What a window must give up for that follows as a list of single weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Array, Graph, Op
from ..plan import Step
from .base import Variant
from .costs import Counts, fitted
from .plain import rows_in_pieces

_TARGETS = frozenset({"rv32"})
_WINDOW, _PIXELS = 4, 4
_LIMIT = 255  # of a window's sum of magnitudes
_LARGEST = 127  # weight of an entry of the rest
_MAX_SCRATCH_BYTES = 8192


def clip(window: Array) -> tuple[Array, list[tuple[int, int]]]:
    """Weights [4] → weights whose magnitudes sum up to at most 255, and (index, weight) pairs that make up the difference."""
    kept, rest = window.copy(), []
    while (excess := int(np.abs(kept).sum()) - _LIMIT) > 0:
        at = int(np.abs(kept).argmax())
        part = min(excess, abs(int(kept[at])), _LARGEST) * (1 if kept[at] > 0 else -1)
        kept[at] -= part
        rest.append((at, part))
    return kept, rest


def split(weights: Array) -> tuple[Array, list[list[tuple[int, int]]]]:
    """Weights [channels, inputs] → the same clipped, padded to whole windows and an even number of channels, and each channel's rest."""
    channels, inputs = weights.shape
    clipped = np.pad(weights.astype(np.int64), ((0, channels % 2), (0, -inputs % _WINDOW)))
    rest: list[list[tuple[int, int]]] = [[] for _ in range(channels)]
    windows = clipped.reshape(len(clipped), -1, _WINDOW)
    for channel, window in np.argwhere(np.abs(windows).sum(axis=2) > _LIMIT):
        kept, entries = clip(windows[channel, window])
        windows[channel, window] = kept
        rest[channel] += [(int(window) * _WINDOW + at, part) for at, part in entries]
    return clipped, rest


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | str:
    f = step.fields
    inputs = f["filter_h"] * f["filter_w"] * f["in_c"]
    scratch_bytes = 8 * -(-inputs // _WINDOW) * _WINDOW
    if f["out_h"] * f["out_w"] < _PIXELS:
        return f"fewer than {_PIXELS} output pixels"
    if scratch_bytes > _MAX_SCRATCH_BYTES:
        return f"scratch of {scratch_bytes} B, the limit is {_MAX_SCRATCH_BYTES} B"
    weights = np.frombuffer(step.constants["weights"], np.int8).reshape(f["out_c"], inputs)
    clipped, rest = split(weights)
    starts = np.cumsum([0, *map(len, rest)])
    entries = [at | (part & 0xFFFF) << 16 for channel in rest for at, part in channel]
    aux = np.array([*starts, *entries], "<u4").tobytes()
    constants = step.constants | {"weights": clipped.astype(np.int8).tobytes(), "aux": aux}
    return replace(step, constants=constants, scratch_bytes=scratch_bytes)


def _count(step: Step) -> Counts:
    f = step.fields
    inputs, channels = f["filter_h"] * f["filter_w"] * f["in_c"], f["out_c"]
    pairs, windows = -(-channels // 2), -(-inputs // _WINDOW)
    entries = len(step.constants["aux"]) // 4 - channels - 1
    slow = rows_in_pieces(f) / (f["out_h"] * f["out_w"])  # share of filter rows that are put together tap by tap
    per_block = {
        "block": 1.0,
        "pair": pairs,
        "pair_window": pairs * windows,
        "channel": channels,
        "entry": entries,
        "gathered_row": _PIXELS * f["filter_h"],
        "gathered_piece": _PIXELS * slow * f["filter_h"] * f["filter_w"],
        "gathered_byte": _PIXELS * inputs,
        "gathered_odd": _PIXELS * f["filter_h"] * (f["filter_w"] * f["in_c"] % _WINDOW),
    }
    blocks = -(-f["out_h"] * f["out_w"] // _PIXELS)
    return {"layer": 1.0} | {part: float(blocks * count) for part, count in per_block.items()}


def _cost(step: Step, target: str) -> float:
    return fitted(target, "tile", "CONV_2D", _count(step))


VARIANTS = (Variant("tile", "CONV_2D", _TARGETS, _lower, _cost, _count),)
