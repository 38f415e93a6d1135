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

// out[i] = requantise(bias[i] + x . w[i]) for `rows` rows of n weights.
static inline void tml_rows(const int8_t *x, const int8_t *w, uint32_t n, const tml_channel_t *channel, uint32_t rows, const tml_range_t *range, int8_t *out) {
    for (; rows >= 4; rows -= 4, w += 4 * n) {
        uint32_t sum[4] = {(uint32_t)channel[0].bias, (uint32_t)channel[1].bias, (uint32_t)channel[2].bias, (uint32_t)channel[3].bias};
        tml_dot_4(x, w, n, sum);
        for (unsigned i = 0; i < 4; i++) {
            *out++ = tml_requantise((int32_t)sum[i], channel++, range->zero_point, range->low, range->high);
        }
    }
    for (; rows > 0; rows--, w += n) {
        uint32_t sum = tml_dot_1(x, w, n, (uint32_t)channel->bias);
        *out++ = tml_requantise((int32_t)sum, channel++, range->zero_point, range->low, range->high);
    }
}

#endif // TML_FAST_ROWS_H
