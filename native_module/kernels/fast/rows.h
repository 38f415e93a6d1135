// Matrix times vector with requantisation: the inner part of FULLY_CONNECTED and, for single pixels, of CONV_2D.
#ifndef TML_FAST_ROWS_H
#define TML_FAST_ROWS_H

#include "kernels/mk/c.h"
#include "tml_fixed.h"

// What an output byte may be, and where its zero lies.
typedef struct {
    int32_t zero_point, low, high;
} tml_range_t;

#define TML_RANGE_OF(r) {(r)->out_zero_point, (r)->act_min, (r)->act_max}

// Dot products of x with the first rows of w, as many as a pass takes of those that are left; returns how many.
static inline uint32_t tml_dots(const int8_t *x, const int8_t *w, uint32_t n, uint32_t rows, uint32_t sums[8]) {
    if (TML_DOTS == 8 && rows >= 8) {
        tml_dot_8(x, w, n, sums);
        return 8;
    }
    if (rows >= 4) {
        tml_dot_4(x, w, n, sums);
        return 4;
    }
    sums[0] = tml_dot_1(x, w, n, 0);
    return 1;
}

// out[i] = requantise(bias[i] + x . w[i]) for `rows` rows of n weights.
static inline void tml_rows(const int8_t *x, const int8_t *w, uint32_t n, const tml_channel_t *channel, uint32_t rows, const tml_range_t *range, int8_t *out) {
    const tml_range_t limits = *range; // copied: a store of a byte could change what is behind a pointer
    while (rows > 0) {
        uint32_t sums[8];
        const uint32_t done = tml_dots(x, w, n, rows, sums);
        for (const uint32_t *sum = sums, *end = sums + done; sum < end; sum++, channel++) {
            *out++ = tml_requantise((int32_t)(*sum + (uint32_t)channel->bias), channel, limits.zero_point, limits.low, limits.high);
        }
        w += done * n;
        rows -= done;
    }
}

#endif // TML_FAST_ROWS_H
