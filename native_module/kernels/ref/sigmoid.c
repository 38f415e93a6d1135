// tanh(x) is 2 * sigmoid(2 * x) - 1: one table serves both. Source: TFLite's integer_ops/logistic.h and tanh.h.
#include "kernels/ref/sigmoid.h"

// The table at the magnitude of x with `bits` after the point, times 2^bits; from its end on `top`.
static inline __attribute__((always_inline)) uint32_t interpolated(const uint16_t *table, int32_t x, uint32_t bits, uint32_t top) {
    const uint32_t magnitude = x < 0 ? 0 - (uint32_t)x : (uint32_t)x;
    const uint32_t at = magnitude >> bits, part = magnitude & ((1u << bits) - 1);
    if (at >= 255) {
        return top << bits;
    }
    return ((uint32_t)table[at] << bits) + part * ((uint32_t)table[at + 1] - table[at]);
}

int32_t tml_sigmoid(const uint16_t *table, int32_t x) {
    const uint32_t y = interpolated(table, x, 9, 65534);
    return (int16_t)((int32_t)(x < 0 ? (1u << 25) - y + 511 : y + 512) >> 10);
}

int32_t tml_tanh(const uint16_t *table, int32_t x) {
    const uint32_t y = interpolated(table, x, 8, 65535);
    return (int16_t)((int32_t)(x < 0 ? (1u << 23) - y + 127 : y - (1u << 23) + 128) >> 8);
}
