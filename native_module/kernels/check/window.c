// Checks of the operators that slide a window over an image.
#include "kernels/check/bounds.h"

// One of the two directions of the image.
static tml_status_t check_direction(const tml_bounds_t *bounds, uint32_t in, uint32_t out, uint32_t filter, uint32_t pad, uint32_t stride, uint32_t dilation) {
    if (in == 0 || out == 0 || filter == 0 || stride == 0 || dilation == 0) {
        return tml_fail(bounds, TML_SHAPE, 0, 1);
    }
    uint32_t extent = (filter - 1) * dilation + 1;
    if (pad >= extent) {
        return tml_fail(bounds, TML_SHAPE, pad, extent - 1);
    }
    if ((out - 1) * stride >= in + pad) {
        return tml_fail(bounds, TML_SHAPE, out, (in + pad - 1) / stride + 1);
    }
    return TML_OK;
}

tml_status_t tml_check_window(const tml_bounds_t *bounds, const tml_window_t *w) {
    TML_TRY(check_direction(bounds, w->in_h, w->out_h, w->filter_h, w->pad_top, w->stride_h, w->dilation_h));
    TML_TRY(check_direction(bounds, w->in_w, w->out_w, w->filter_w, w->pad_left, w->stride_w, w->dilation_w));
    TML_TRY(tml_check_count(bounds, w->in_c, UINT16_MAX));
    return tml_check_count(bounds, w->out_c, UINT16_MAX);
}

tml_status_t tml_check_image(const tml_bounds_t *bounds, const tml_head_t *head, const tml_window_t *w, tml_span_t spans[2]) {
    TML_TRY(tml_check_window(bounds, w));
    TML_TRY(tml_check_arena(bounds, head->input, (uint64_t)w->in_h * w->in_w * w->in_c, &spans[0]));
    TML_TRY(tml_check_arena(bounds, head->output, (uint64_t)w->out_h * w->out_w * w->out_c, &spans[1]));
    return tml_check_disjoint(bounds, &spans[0], &spans[1]);
}

tml_status_t tml_check_conv(tml_bounds_t *bounds, const tml_conv_t *conv, uint64_t weights_bytes, uint32_t scratch_needed) {
    const tml_window_t window = TML_WINDOW_OF(conv);
    const tml_head_t *head = (const tml_head_t *)conv;
    const tml_span_t scratch = {conv->scratch, conv->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, head, &window, spans));
    TML_TRY(tml_check_scratch(bounds, &scratch, scratch_needed, &spans[0], &spans[1]));
    TML_TRY(tml_check_constants(bounds, conv->weights, weights_bytes));
    TML_TRY(tml_check_channels(bounds, conv->channels, conv->out_c));
    TML_TRY(tml_check_activation(bounds, conv->act_min, conv->act_max));
    TML_TRY(tml_check_no_aux(bounds, conv->aux, conv->aux_bytes));
    return tml_check_work(bounds, weights_bytes * ((uint64_t)conv->out_h * conv->out_w));
}
