#ifndef TML_CHECK_POOL_H
#define TML_CHECK_POOL_H

#include "kernels/check/bounds.h"

// A window of at most 2^16 taps keeps the sum of an average in 32 bits.
#define TML_MAX_POOL_TAPS (1 << 16)

// What AVERAGE_POOL_2D and MAX_POOL_2D share. Without dilation every window has a tap inside the input: no average of nothing.
static inline tml_status_t tml_check_pool(tml_bounds_t *bounds, const tml_pool_t *pool) {
    const tml_window_t window = TML_WINDOW_OF(pool);
    const tml_head_t *head = (const tml_head_t *)pool;
    uint64_t taps = (uint64_t)pool->filter_h * pool->filter_w;
    tml_span_t spans[2];
    TML_TRY(tml_check_count(bounds, taps, TML_MAX_POOL_TAPS));
    TML_TRY(tml_check_count(bounds, pool->dilation_h | pool->dilation_w, 1));
    TML_TRY(tml_check_image(bounds, head, &window, spans));
    if (pool->in_c != pool->out_c) {
        return tml_fail(bounds, TML_SHAPE, pool->out_c, pool->in_c);
    }
    TML_TRY(tml_check_activation(bounds, pool->act_min, pool->act_max));
    return tml_check_work(bounds, taps * spans[1].bytes);
}

#endif // TML_CHECK_POOL_H
