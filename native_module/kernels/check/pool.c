#include "kernels/check/pool.h"

// A window of at most 2^16 taps of int8, or 2^15 of int16, keeps the sum of an average in 32 bits.
#define TML_MAX_POOL_TAPS (1 << 16)

tml_status_t tml_check_items_image(const tml_bounds_t *bounds, const tml_pool_t *image, uint32_t item) {
    const tml_window_t window = TML_WINDOW_OF(image);
    tml_span_t input, output;
    TML_TRY(tml_check_window(bounds, &window));
    TML_TRY(tml_check_items(bounds, image->input, (uint64_t)image->in_h * image->in_w * image->in_c, item, &input));
    TML_TRY(tml_check_items(bounds, image->output, (uint64_t)image->out_h * image->out_w * image->out_c, item, &output));
    return tml_check_disjoint(bounds, &input, &output);
}

// Without dilation every window has a tap inside the input: no average of nothing.
tml_status_t tml_check_pool(tml_bounds_t *bounds, const tml_pool_t *pool, uint32_t item) {
    const uint64_t taps = (uint64_t)pool->filter_h * pool->filter_w;
    const uint64_t out_count = (uint64_t)pool->out_h * pool->out_w * pool->out_c;
    TML_TRY(tml_check_count(bounds, taps, TML_MAX_POOL_TAPS / item));
    TML_TRY(tml_check_count(bounds, pool->dilation_h | pool->dilation_w, 1));
    TML_TRY(tml_check_items_image(bounds, pool, item));
    if (pool->in_c != pool->out_c) {
        return tml_fail(bounds, TML_SHAPE, pool->out_c, pool->in_c);
    }
    TML_TRY(tml_check_activation(bounds, pool->act_min, pool->act_max));
    TML_TRY(tml_check_activation(bounds, pool->wide_min, pool->wide_max));
    return tml_check_work(bounds, taps * out_count);
}
