#include "kernels/check/bounds.h"

// The last place along a direction, in 1/1024 of a pixel, lies before the end of the input.
static tml_status_t check_reach(const tml_bounds_t *bounds, uint32_t in, uint32_t out, uint32_t scale, int32_t offset) {
    const int64_t last = (int64_t)(out - 1) * scale + offset;
    return offset < -512 || last >= (int64_t)in << 10 ? tml_fail(bounds, TML_SHAPE, out, in) : TML_OK;
}

tml_status_t tml_check_resize_bilinear(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_resize_bilinear_t *p = &record->resize_bilinear;
    const uint64_t in_bytes = (uint64_t)p->images * p->in_h * p->in_w * p->channels;
    const uint64_t out_bytes = (uint64_t)p->images * p->out_h * p->out_w * p->channels;
    tml_span_t input, output;
    TML_TRY(tml_check_count(bounds, in_bytes, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, out_bytes, TML_MAX_ELEMENTS));
    TML_TRY(check_reach(bounds, p->in_h, p->out_h, p->scale_h, p->offset_h));
    TML_TRY(check_reach(bounds, p->in_w, p->out_w, p->scale_w, p->offset_w));
    TML_TRY(tml_check_arena(bounds, p->input, in_bytes, &input));
    TML_TRY(tml_check_arena(bounds, p->output, out_bytes, &output));
    TML_TRY(tml_check_disjoint(bounds, &input, &output));
    return tml_check_work(bounds, 4 * out_bytes);
}
