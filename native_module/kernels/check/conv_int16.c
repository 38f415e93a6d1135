#include <stddef.h>

#include "kernels/check/pool.h"

_Static_assert(offsetof(tml_conv_int16_t, in_h) == offsetof(tml_pool_t, in_h), "in_h");
_Static_assert(offsetof(tml_conv_int16_t, dilation_w) == offsetof(tml_pool_t, dilation_w), "dilation_w");

// Whole groups of channels, and as many filters for each; no filter has more weights than an offset can count.
static tml_status_t check_filters(const tml_bounds_t *bounds, const tml_conv_int16_t *c, uint64_t patch) {
    if (c->filter_c == 0 || c->in_c % c->filter_c != 0 || c->out_c % (c->in_c / c->filter_c) != 0) {
        return tml_fail(bounds, TML_SHAPE, c->filter_c, c->in_c);
    }
    return tml_check_count(bounds, patch, TML_MAX_ELEMENTS);
}

tml_status_t tml_check_conv_int16(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_int16_t *c = &record->conv_int16;
    const uint64_t patch = (uint64_t)c->filter_h * c->filter_w * c->filter_c;
    const bool narrow = c->sum_bytes == sizeof(int32_t);
    TML_TRY(tml_check_items_image(bounds, &record->pool, sizeof(int16_t)));
    TML_TRY(check_filters(bounds, c, patch));
    if (!narrow && c->sum_bytes != sizeof(int64_t)) {
        return tml_fail(bounds, TML_SHAPE, c->sum_bytes, sizeof(int64_t));
    }
    TML_TRY(tml_check_constants(bounds, c->weights, patch * c->out_c));
    TML_TRY(tml_check_scales(bounds, c->channels, c->out_c, sizeof(tml_wide_channel_t), narrow ? 30 : 7));
    TML_TRY(tml_check_activation(bounds, c->act_min, c->act_max));
    return tml_check_work(bounds, patch * c->out_c * ((uint64_t)c->out_h * c->out_w));
}
