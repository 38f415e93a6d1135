// Fixed-point arithmetic exactly as TFLite Micro's int8 kernels do it: every product is rounded twice (high half of the
// doubled product, then the shift). All sums wrap; nothing here is undefined for the ranges the checks allow.
// Source: tensorflow/lite/kernels/internal/common.h and gemmlowp's fixedpoint.h; tests/kernels proves both forms equal.
#ifndef TML_FIXED_H
#define TML_FIXED_H

#include <stdint.h>

#include "tml_format.h"

// Sum mod 2^32, as the hardware does it.
static inline int32_t tml_add_wrap(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

// Shift left mod 2^32.
static inline int32_t tml_shift_left(int32_t x, int32_t bits) {
    return (int32_t)((uint32_t)x << bits);
}

// floor((2ab + 2^31) / 2^32), SaturatingRoundingDoublingHighMul without its one saturating case a = b = -2^31,
// which no caller reaches.
static inline int32_t tml_high_mul_wide(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

// The same from four 16 x 16 bit products, for cores without a 64-bit multiply. With signed halves x = high * 2^16 + low,
// low in [-2^15, 2^15), the two middle products and the carry of the lowest one always fit 32 bits together.
static inline int32_t tml_high_mul_halves(int32_t a, int32_t b) {
    int32_t a_low = (int16_t)a, a_high = ((a >> 15) + 1) >> 1;
    int32_t b_low = (int16_t)b, b_high = ((b >> 15) + 1) >> 1;
    uint32_t middle = (uint32_t)(a_high * b_low) + (uint32_t)(a_low * b_high) + (uint32_t)((a_low * b_low) >> 16);
    return tml_add_wrap(tml_shift_left(a_high * b_high, 1), ((int32_t)middle + (1 << 14)) >> 15);
}

static inline int32_t tml_high_mul(int32_t a, int32_t b) {
    #if defined(__thumb__) && !defined(__thumb2__)
    return tml_high_mul_halves(a, b);
    #else
    return tml_high_mul_wide(a, b);
    #endif
}

// The same for b >= 0. RISC-V multiplies signed by unsigned, so that 2b fits and the bit below the high half says how to round.
static inline int32_t tml_high_mul_mixed(int32_t a, int32_t b) {
    int64_t product = a * (int64_t)((uint32_t)b << 1);
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}

static inline int32_t tml_high_mul_positive(int32_t a, int32_t b) {
    #if defined(__riscv)
    return tml_high_mul_mixed(a, b);
    #else
    return tml_high_mul(a, b);
    #endif
}

// x / 2^bits rounded to nearest, ties away from zero: RoundingDivideByPOT. Needs x > -2^31, and x < 2^31 - 1 when bits is 1;
// every tml_high_mul with a multiplier below 2^31 gives that.
static inline int32_t tml_divide_by_power(int32_t x, int32_t bits) {
    return bits == 0 ? x : (((x + (x >> 31)) >> (bits - 1)) + 1) >> 1;
}

// x * multiplier / 2^31 * 2^shift: MultiplyByQuantizedMultiplier. multiplier 0 to 2^31-1, shift -31 to 30.
static inline int32_t tml_multiply(int32_t x, int32_t multiplier, int32_t shift) {
    if (shift >= 0) {
        return tml_high_mul_positive(tml_shift_left(x, shift), multiplier);
    }
    return tml_divide_by_power(tml_high_mul_positive(x, multiplier), -shift);
}

static inline int32_t tml_clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

// Accumulator → output byte of the operators with weights.
static inline int8_t tml_requantise(int32_t acc, const tml_channel_t *channel, int32_t zero_point, int32_t low, int32_t high) {
    int32_t scaled = tml_multiply(acc, channel->multiplier, channel->shift);
    return (int8_t)tml_clamp(tml_add_wrap(scaled, zero_point), low, high);
}

#endif // TML_FIXED_H
