"""Cost of the portable kernels, and of what a target has in their place for the same constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..plan import Step
from ..planfmt import BINARY_FUNCTIONS, REDUCE_FUNCTIONS
from .costs import Counts, fitted

_TILE, _TILE_BYTES = 4, 8192  # of native_module/kernels/scratch.h
_WORD, _BLOCK = 4, 16  # of memcpy


def cost(step: Step, target: str) -> float:
    """Predicted cycles or executed instructions of the layer with its plain kernel."""
    return fitted(target, "plain", step.operator, counts(step, target))


def counts(step: Step, target: str) -> Counts:
    """How often each part of the kernel runs."""
    parts = _COUNTS.get(step.operator)
    return {"layer": 1.0, **(parts(step.fields, target) if parts else {})}


def _rows(inputs: int, channels: int, times: int, target: str) -> Counts:
    """native_module/kernels/fast/rows.h: dot products of ``inputs`` products, eight (rv32), four or one at a time."""
    eights = channels // 8 if target == "rv32" else 0
    fours, ones = divmod(channels - 8 * eights, 4)
    odd = inputs % 8 * eights + inputs % 4 * fours
    taps = {"dot8": eights * inputs, "dot4": fours * inputs, "dot1": ones * inputs, "dot_odd": odd}
    passes = {"pass8": eights, "pass4": fours, "pass1": ones, "requantise": channels, "vector": 1}
    return {part: float(times * count) for part, count in (taps | passes).items()}


def _conv_2d(f: dict[str, Any], target: str) -> Counts:
    inputs, pixels = f["filter_h"] * f["filter_w"] * f["in_c"], f["out_h"] * f["out_w"]
    fits = pixels >= _TILE and f["out_c"] >= _TILE and _TILE * inputs <= _TILE_BYTES
    blocks = pixels // _TILE if fits and target != "m0plus" else 0  # Thumb-1 has too few registers for tiles
    tiles, rest = blocks * (f["out_c"] // _TILE), f["out_c"] % _TILE
    out = {"tile": float(tiles), "tile_tap": float(tiles * inputs), "tile_odd": float(tiles * (inputs % 4))}
    slow = rows_in_pieces(f) / pixels
    out |= _gather(f, _TILE * blocks, slow, "beside")
    if inputs > f["in_c"]:
        alone = pixels - _TILE * blocks + (_TILE * blocks if rest else 0)
        out |= _gather(f, alone, slow, "alone")
    out["block"] = float(blocks)
    single, shared = (
        _rows(inputs, f["out_c"], pixels - _TILE * blocks, target),
        _rows(inputs, rest, _TILE * blocks, target),
    )
    return out | {part: count + (shared[part] if rest else 0.0) for part, count in single.items()}


def _gather(f: dict[str, Any], pixels: int, slow: float, where: str) -> Counts:
    """Patches of ``pixels``; slow: share of filter rows that are put together tap by tap."""
    rows = pixels * f["filter_h"]
    names = (f"gather_{where}", f"row_{where}", f"slow_{where}")
    sizes = (rows * f["filter_w"] * f["in_c"], rows, slow * rows * f["filter_w"])
    return dict(zip(names, map(float, sizes), strict=True))


def _inside(f: dict[str, Any], axis: str) -> list[int]:
    """Taps of the window inside the image, for each output position along an axis."""
    dilation, last = f.get(f"dilation_{axis}", 1), f[f"filter_{axis}"] - 1
    starts = range(
        -f[f"pad_{'top' if axis == 'h' else 'left'}"], f[f"out_{axis}"] * f[f"stride_{axis}"], f[f"stride_{axis}"]
    )
    ends = ((s, min(last, (f[f"in_{axis}"] - 1 - s) // dilation)) for s in starts[: f[f"out_{axis}"]])
    return [max(0, end + 1 - max(0, -(s // dilation))) for s, end in ends]


def rows_in_pieces(f: dict[str, Any]) -> float:
    """Pixels, on average over their filter rows, whose row of taps does not lie inside the image in one piece."""
    wide: int = sum(n < f["filter_w"] for n in _inside(f, "w")) if f["dilation_w"] == 1 else f["out_w"]
    rows = sum(_inside(f, "h")) / int(f["filter_h"])
    return rows * wide


def _depthwise_conv_2d(f: dict[str, Any], target: str) -> Counts:
    square = f["filter_h"] == f["filter_w"] == 3 and f["dilation_h"] == f["dilation_w"] == 1
    if square and f["pad_top"] <= 1 and f["pad_left"] <= 1 and f["stride_w"] <= 2:
        return _depthwise_3x3(f)
    inside = sum(_inside(f, "h")) * sum(_inside(f, "w"))
    pixels, taps = f["out_h"] * f["out_w"], f["filter_h"] * f["filter_w"]
    multiplied = f["out_c"] > f["in_c"]
    return {
        "pixel": float(pixels),
        "tap": float(pixels * taps),
        "pair_product": float(pixels * (taps // 2) * f["out_c"]),
        "last_product": float(pixels * (taps % 2) * f["out_c"]),
        "padding": float(pixels * taps - inside) * f["out_c"],
        "expand": float(inside * f["in_c"]) if multiplied else 0.0,
        "expanded": float(inside * f["out_c"]) if multiplied else 0.0,
        "requantise": float(pixels * f["out_c"]),
    }


def _depthwise_3x3(f: dict[str, Any]) -> Counts:
    border = sum(n < 3 for n in _inside(f, "h"))
    stride = "" if f["stride_w"] == 1 else "_stride_2"
    return {
        f"output{stride}": float(f["out_c"] * f["out_h"] * f["out_w"]),
        f"row{stride}": float(f["out_c"] * f["out_h"]),
        "border_row": float(f["out_c"] * border),
        "channel": float(f["out_c"]),
    }


def _fully_connected(f: dict[str, Any], target: str) -> Counts:
    return _rows(f["in_features"], f["out_features"], f["rows"], target)


def _conv_int16(f: dict[str, Any], target: str) -> Counts:
    """Taps in the padding are skipped."""
    outputs = f["out_h"] * f["out_w"] * f["out_c"]
    taps = sum(_inside(f, "h")) * sum(_inside(f, "w")) * f["out_c"]
    return {
        "output": float(outputs),
        "tap": float(outputs * f["filter_h"] * f["filter_w"]),
        "inside": float(taps),
        "product": float(taps * f["filter_c"]),
    }


def _pool(f: dict[str, Any], target: str) -> Counts:
    """Some targets have four channels at a time where they are a multiple of four; the others are no slower so."""
    rows, columns = _inside(f, "h"), _inside(f, "w")
    pixels, taps = f["out_h"] * f["out_w"], sum(rows) * sum(columns)
    step, name = (4, "quad") if f["out_c"] % 4 == 0 else (1, "channel")
    groups = f["out_c"] // step
    return {
        "pixel": float(pixels),
        f"{name}": float(pixels * groups),
        f"{name}_row": float(sum(rows) * f["out_w"] * groups),
        f"{name}_tap": float(taps * groups),
    }


def _add(f: dict[str, Any], target: str) -> Counts:
    return {"element": float(f["count"])}


def _softmax(f: dict[str, Any], target: str) -> Counts:
    """Elements far below the largest need no exponential: as many as if differences were spread evenly."""
    elements = f["rows"] * f["depth"]
    return {
        "row": float(f["rows"]),
        "element": float(elements),
        "exponential": elements * min(1.0, (1 - f["diff_min"]) / 256),
    }


def _pad(f: dict[str, Any], target: str) -> Counts:
    out = math.prod(a + b + c for a, b, c in zip(f["before"], f["in_shape"], f["after"], strict=True))
    return {"row": float(math.prod(f["in_shape"][:3])), "copied": float(math.prod(f["in_shape"])), "filled": float(out)}


def _copy(f: dict[str, Any], target: str) -> Counts:
    return {"byte": float(f["count"])}


def _lookup(f: dict[str, Any], target: str) -> Counts:
    return {"byte": float(f["count"])}


# A selection copies or leaves, as a minimum takes either.
_LIKE = {"SELECT": "MINIMUM"}


def _binary(f: dict[str, Any], target: str) -> Counts:
    """Elements by function: a MINIMUM takes a fraction of an ADD."""
    name = next(n for n, number in BINARY_FUNCTIONS.items() if number == f["function"])
    return {_LIKE.get(name, name): float(math.prod(f["shape"])), "row": float(math.prod(f["shape"][:3]))}


def _elements(f: dict[str, Any], target: str) -> Counts:
    return {"element": float(f["count"])}


def _softmax_int16(f: dict[str, Any], target: str) -> Counts:
    return {"row": float(f["rows"]), "element": float(f["rows"] * f["depth"])}


def _pool_int16(f: dict[str, Any], target: str) -> Counts:
    """One channel at a time; a mean divides."""
    rows, columns = _inside(f, "h"), _inside(f, "w")
    channels = float(f["out_h"] * f["out_w"] * f["out_c"])
    return {
        "pixel": float(f["out_h"] * f["out_w"]),
        "channel": channels,
        "mean": channels * f["function"],
        "row": float(sum(rows) * f["out_w"] * f["out_c"]),
        "tap": float(sum(rows) * sum(columns) * f["out_c"]),
    }


def _reduce(f: dict[str, Any], target: str) -> Counts:
    """Elements and results by function: only sums are requantised. How far elements lie apart makes no difference."""
    name = next(n for n, number in REDUCE_FUNCTIONS.items() if number == f["function"])
    outputs, rows = math.prod(f["count"][:2]), math.prod(f["count"][:3])
    return {f"{name}_output": float(outputs), "row": float(rows), name: float(rows * f["count"][3])}


def _move(f: dict[str, Any], target: str) -> Counts:
    rows, size = math.prod(f["count"][:3]), f["count"][3]
    whole = f["in_stride"][3] == f["out_stride"][3] == 1
    moved = _copied(rows, size) if whole else {"moved": float(rows * size)}
    return {"plane": float(math.prod(f["count"][:2])), "row": float(rows), **moved}


def _gather_runs(f: dict[str, Any], target: str) -> Counts:
    return {"run": float(f["count"]), **_copied(f["count"], f["run"])}


def _copied(times: int, size: int) -> Counts:
    """memcpy: many words at a time, then words, then bytes. Where operands lie is not known yet, so misaligned ones take as much."""
    parts = {"copied_block": size // _BLOCK, "copied_word": size % _BLOCK // _WORD, "copied_byte": size % _WORD}
    return {part: float(times * n) for part, n in parts.items()}


def _quantize(f: dict[str, Any], target: str) -> Counts:
    """Right shifts round once more than left ones."""
    return {"element": float(f["count"]), "rounded": float(f["count"] if f["shift"] < 0 else 0)}


def _svdf(f: dict[str, Any], target: str) -> Counts:
    filters = f["units"] * f["rank"]
    kept = f"kept{8 * f['state_item']}"
    return {
        "unit": float(f["units"]),
        "filter": float(filters),
        "tap": float(filters * f["in_features"]),
        kept: float(filters * f["memory"]),
    }


def _lstm(f: dict[str, Any], target: str) -> Counts:
    units = float(f["steps"] * f["units"])
    return {"step": float(f["steps"]), "unit": units, "tap": units * 4 * (f["in_features"] + f["units"])}


def _resize_bilinear(f: dict[str, Any], target: str) -> Counts:
    pixels = f["images"] * f["out_h"] * f["out_w"]
    return {"pixel": float(pixels), "element": float(pixels * f["channels"])}


def _batch_matmul(f: dict[str, Any], target: str) -> Counts:
    outputs = math.prod((*f["batch"], f["rows"], f["columns"]))
    return {"output": float(outputs), "product": float(outputs * f["depth"])}


_COUNTS: dict[str, Callable[[dict[str, Any], str], Counts]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "ADD": _add,
    "SOFTMAX": _softmax,
    "SOFTMAX_INT16": _softmax_int16,
    "SIGMOID_INT16": _elements,
    "POOL_INT16": _pool_int16,
    "BINARY_INT16": _binary,
    "REDUCE_INT16": _reduce,
    "PAD": _pad,
    "COPY": _copy,
    "LOOKUP": _lookup,
    "BINARY": _binary,
    "REDUCE": _reduce,
    "MOVE": _move,
    "GATHER": _gather_runs,
    "QUANTIZE": _quantize,
    "SVDF": _svdf,
    "LSTM": _lstm,
    "RESIZE_BILINEAR": _resize_bilinear,
    "BATCH_MATMUL": _batch_matmul,
    "CONV_INT16": _conv_int16,
}
