"""ADD as a linear function of the two bytes; see native_module/kernels/mk/linear.h."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from ..plan import Step
from .base import Variant

_SHIFT, _BIAS = 22, 384  # TML_LINEAR_SHIFT, TML_LINEAR_BIAS
_LEFT_SHIFT = 20  # of TFLite's ADD
_NEARBY = sorted(((i, j) for i in range(-2, 3) for j in range(-2, 3)), key=lambda d: abs(d[0]) + abs(d[1]))
_BYTES = np.arange(-128, 128, dtype=np.int64)

# Cycles, fitted to the emulated Pico.
_PER_ELEMENT, _PER_LAYER = 19.0, 200.0


def _lower(graph: Graph, op: Op, step: Step, target: str) -> Step | str | None:
    numbers = linear(step.fields)
    if numbers is None:
        return "no linear function equals the rounding of all pairs of inputs"
    factor, factor2, offset = numbers
    fields = {"multiplier1": factor, "multiplier2": factor2, "out_multiplier": _signed(offset)}
    return replace(step, fields={**step.fields, **fields, "shift1": 0, "shift2": 0, "out_shift": 0})


def _signed(word: int) -> int:
    return (word + (1 << 31) & 0xFFFFFFFF) - (1 << 31)


def linear(f: dict[str, int]) -> tuple[int, int, int] | None:
    """Factors and offset with which the kernel gives the exact output for every pair of inputs; None where there are none."""
    exact = _exact(f)
    whole = f["out_multiplier"] * 2.0 ** (f["out_shift"] - 31 + _LEFT_SHIFT + _SHIFT)
    ideal = [round(f[f"multiplier{i}"] * 2.0 ** (f[f"shift{i}"] - 31) * whole) for i in (1, 2)]
    for i, j in _NEARBY:
        factors = ideal[0] + i, ideal[1] + j
        sums = factors[0] * _BYTES[:, None] + factors[1] * _BYTES
        offset = _offset(sums, exact, f["act_min"], f["act_max"])
        if offset is not None:
            return *factors, offset
    return None


def _exact(f: dict[str, int]) -> Array:
    """The output for each pair of inputs: [256, 256]."""
    first = _scaled(f["in_zero_point"], f["multiplier1"], f["shift1"])
    second = _scaled(f["in2_zero_point"], f["multiplier2"], f["shift2"])
    limits = (f["act_min"], f["act_max"])
    whole = (f["out_multiplier"], f["out_shift"], f["out_zero_point"])
    return q.requantize(first[:, None] + second, *whole, limits).astype(np.int64)


def _scaled(zero_point: int, multiplier: int, shift: int) -> Array:
    return q.multiply_by_quantized_multiplier(_BYTES - zero_point << _LEFT_SHIFT, multiplier, shift)


def _offset(sums: Array, exact: Array, low: int, high: int) -> int | None:
    """What to add to the sums so that their upper bits are the output plus a bias; beyond ``low`` and ``high`` anything is right."""
    begins = (exact - low + _BIAS << _SHIFT) - sums
    ends = begins + (1 << _SHIFT) - 1
    least = max(int(begins[exact > low].max(initial=-int(sums.min()))), -int(sums.min()))
    most = min(int(ends[exact < high].min(initial=(1 << 32) - 1 - int(sums.max()))), (1 << 32) - 1 - int(sums.max()))
    return (least + most) // 2 if least <= most else None


def _cost(step: Step, target: str) -> float:
    return float(_PER_LAYER + _PER_ELEMENT * step.fields["count"])


VARIANTS = (Variant("linear", "ADD", frozenset({"m0plus"}), _lower, _cost),)
