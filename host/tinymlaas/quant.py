"""Integer arithmetic of TFLite Micro's reference kernels, bit for bit.

The names are those of the sources it was written after: ``QuantizeMultiplier``
(tensorflow/lite/kernels/internal/quantization_util.cc), ``MultiplyByQuantizedMultiplier``
(kernels/internal/common.cc), ``CalculateActivationRangeQuantized`` (kernels/kernel_util.cc) and gemmlowp's
``fixedpoint.h``. The kernels are built with double rounding (``TFLITE_SINGLE_ROUNDING`` is off): once in the high
multiply, once in the shift. Arrays are int64 that hold int32 values; where C would overflow an int32, ``wrap32`` does
what two's complement does.
"""

from __future__ import annotations

import math

import numpy as np

from .graph import Array, Quant

INT8_MIN, INT8_MAX = -128, 127
LIMITS = {"int8": (INT8_MIN, INT8_MAX), "int16": (-(1 << 15), (1 << 15) - 1)}  # of the types of activations
_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1

# Limits of a fused activation in real numbers; None: none on that side.
ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def wrap32(x: Array) -> Array:
    """Reduce mod 2^32 into the range of int32."""
    return ((x.astype(np.int64) + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A non-negative real as (mantissa, exponent): mantissa / 2^31 * 2^exponent. Below 2^-32 it becomes (0, 0)."""
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    fixed = math.floor(mantissa * (1 << 31) + 0.5)
    if fixed == 1 << 31:
        fixed, shift = fixed // 2, shift + 1
    return (0, 0) if shift < -31 else (fixed, shift)


def saturating_rounding_doubling_high_mul(a: Array, b: Array | int) -> Array:
    """(a * b) / 2^31, rounded to nearest, ties up; gemmlowp's SRDHM."""
    product = a.astype(np.int64) * np.asarray(b, np.int64)
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    total = product + nudge
    quotient = np.where(total >= 0, total >> 31, -((-total) >> 31))  # C divides towards zero
    return np.minimum(quotient, _INT32_MAX)  # only (-2^31)^2 is above


def rounding_divide_by_pot(x: Array, exponent: Array | int) -> Array:
    """x / 2^exponent, rounded to nearest, ties away from zero."""
    e = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << e) - 1
    threshold = (mask >> 1) + (x < 0)
    rounded: Array = (x >> e) + ((x & mask) > threshold)
    return rounded


def multiply_by_quantized_multiplier(x: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """x * multiplier / 2^31 * 2^shift with both roundings; multiplier and shift broadcast against x."""
    s = np.asarray(shift, np.int64)
    left = wrap32(x.astype(np.int64) << np.maximum(s, 0))
    high: Array = saturating_rounding_doubling_high_mul(left, multiplier)
    return rounding_divide_by_pot(high, np.maximum(-s, 0))


def requantize(
    acc: Array,
    multiplier: Array | int,
    shift: Array | int,
    zero_point: int,
    limits: tuple[int, int],
    dtype: str = "int8",
) -> Array:
    """Accumulators → values of a type: wrap to int32, scale, add the zero point, clamp."""
    scaled = multiply_by_quantized_multiplier(wrap32(acc), multiplier, shift)
    clamped: Array = np.clip(scaled + zero_point, *limits)
    return clamped.astype(dtype)


def reduced_multiplier(multiplier: Array) -> Array:
    """A mantissa of Q31 in Q15, rounded, below 1."""
    reduced: Array = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    return reduced


def requantize_wide(acc: Array, multiplier: Array, shift: Array, limits: tuple[int, int]) -> Array:
    """Accumulators of 64 bits, below 2^47 → int16: ``MultiplyByQuantizedMultiplier(int64_t, ...)``, shifts up to 7."""
    right = 15 - shift
    scaled = (acc * reduced_multiplier(multiplier) + (np.int64(1) << (right - 1))) >> right
    clamped: Array = np.clip(wrap32(scaled), *limits)
    return clamped.astype(np.int16)


def saturate(x: Array, low: int = INT8_MIN, high: int = INT8_MAX) -> Array:
    """x, or the nearer limit."""
    clamped: Array = np.clip(x, low, high)
    return clamped


def activation_range(activation: str, quant: Quant, dtype: str = "int8") -> tuple[int, int]:
    """Lowest and highest value of a type that a fused activation (a key of ``ACTIVATIONS``) lets through.

    Raises OverflowError when the scale is so small that a limit leaves int32.
    """
    (low, high), (lowest, highest) = ACTIVATIONS[activation], LIMITS[dtype]
    act_min = lowest if low is None else max(lowest, _quantize(low, quant))
    act_max = highest if high is None else min(highest, _quantize(high, quant))
    return act_min, act_max


def _quantize(real: float, quant: Quant) -> int:
    with np.errstate(over="ignore"):
        ratio = float(np.float32(real) / np.float32(quant.scale))
    if not _INT32_MIN <= ratio <= _INT32_MAX:
        raise OverflowError(f"{real} at scale {quant.scale} leaves int32")
    return quant.zero_point + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))


# gemmlowp's fixed point: Qn has n integer bits and 31 - n fractional ones.

_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # exp(-2^k) in Q0, k = -2 .. 4
_ONE_HALF = 1 << 30


def exp_on_negative_values(x: Array, integer_bits: int = 5) -> Array:
    """exp(x) for x <= 0 in Q ``integer_bits`` (up to 5); result in Q0."""
    first = 31 - integer_bits - 2
    low = (x & ((1 << first) - 1)) - (1 << first)  # in [-1/4, 0)
    result = _exp_on_last_quarter(low << integer_bits)
    remainder = low - x
    for bit, factor in enumerate(_EXP_FACTORS[: integer_bits + 2], start=first):
        result = np.where(remainder & (1 << bit), saturating_rounding_doubling_high_mul(result, factor), result)
    return np.where(x == 0, _INT32_MAX, result)


def _exp_on_last_quarter(a: Array) -> Array:
    """exp(a) for a in [-1/4, 0), both Q0: Taylor's series around -1/8."""
    mul, half = saturating_rounding_doubling_high_mul, rounding_divide_by_pot
    x = a + (1 << 28)
    x2 = mul(x, x)
    x3, x4 = mul(x2, x), mul(x2, x2)
    series = half(mul(half(x4, 2) + x3, 715827883) + x2, 1)
    return 1895147668 + mul(x + series, 1895147668)


def _reciprocal_of_half_sum(a: Array) -> Array:
    """2 / (1 + a) in Q2 for a in [0, 1) in Q0: three steps of Newton's method."""
    mul = saturating_rounding_doubling_high_mul
    half_denominator = (a + _INT32_MAX + 1) >> 1  # rounding half sum of a and 1; both are positive
    x = 1515870810 + mul(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - mul(half_denominator, x)
        x = x + np.clip(mul(x, error) << 2, _INT32_MIN, _INT32_MAX)
    return x


def one_over_one_plus_x(a: Array) -> Array:
    """1 / (1 + a) for a in [0, 1), both Q0."""
    doubled: Array = np.minimum(_reciprocal_of_half_sum(a) << 1, _INT32_MAX)
    return doubled


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)) for x in Q4; result in Q0. gemmlowp's ``logistic``."""
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(x), 4))
    return np.where(x == 0, _ONE_HALF, np.where(x > 0, positive, _INT32_MAX - positive))


def tanh(x: Array) -> Array:
    """tanh(x) for x in Q4; result in Q0. gemmlowp's ``tanh``: (1 - y) / (1 + y) with y = exp(-2 |x|)."""
    y = exp_on_negative_values(-np.abs(x), 5)  # the same bits with one more before the point: twice the value
    quotient = np.clip((_reciprocal_of_half_sum(y) - (1 << 29)) << 2, _INT32_MIN, _INT32_MAX)
    return np.where(x == 0, 0, np.where(x > 0, quotient, -quotient))


def input_radius(integer_bits: int, shift: int) -> int:
    """Distance from the zero point that still fits Q ``integer_bits`` after a shift; ``CalculateInputRadius``."""
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / 2.0**shift)
