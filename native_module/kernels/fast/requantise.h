// Requantisation of several sums of one channel: what they share is worked out once.
#ifndef TML_FAST_REQUANTISE_H
#define TML_FAST_REQUANTISE_H

#include "kernels/fast/rows.h"

// tml_multiply for shifts below 0, its parameters as it uses them.
typedef struct {
    int32_t multiplier;
    uint32_t bits; // of the shift to the right, less one
} tml_right_t;

static inline int8_t tml_requantise_right(uint32_t sum, tml_right_t by, const tml_range_t *range) {
    int32_t x = tml_high_mul_positive((int32_t)sum, by.multiplier);
    x = (((x + (x >> 31)) >> by.bits) + 1) >> 1;
    return (int8_t)tml_clamp(tml_add_wrap(x, range->zero_point), range->low, range->high);
}

// Sums without bias of one channel at four pixels; `stride`: bytes from an output pixel to the next.
static inline void tml_requantise_4(const uint32_t sums[4], const tml_channel_t *channel, const tml_range_t *range, int8_t *out, uint32_t stride) {
    const uint32_t bias = (uint32_t)channel->bias;
    const tml_range_t limits = *range; // copied: a store of a byte could change what is behind a pointer
    if (channel->shift < 0) {
        const tml_right_t by = {channel->multiplier, (uint32_t)-channel->shift - 1};
        out[0] = tml_requantise_right(sums[0] + bias, by, &limits);
        out[stride] = tml_requantise_right(sums[1] + bias, by, &limits);
        out[2 * stride] = tml_requantise_right(sums[2] + bias, by, &limits);
        out[3 * stride] = tml_requantise_right(sums[3] + bias, by, &limits);
        return;
    }
    for (unsigned i = 0; i < 4; i++, out += stride) {
        *out = tml_requantise((int32_t)(sums[i] + bias), channel, limits.zero_point, limits.low, limits.high);
    }
}

#endif // TML_FAST_REQUANTISE_H
