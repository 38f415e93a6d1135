// DEPTHWISE_CONV_2D: windows that lie wholly inside the input are summed without looking at bounds. Operands as in
// kernels/ref/depthwise_conv_2d.c; input and output must not overlap.
#include "kernels/fast/rows.h"
#include "tml_kernels.h"

// One output pixel's window.
typedef struct {
    uint32_t first; // offset of the input under the first tap, channel 0; mod 2^32, as it may lie before the input
    uint32_t row_stride, column_stride; // of the input, from tap to tap
    uint32_t y_begin, y_end, x_begin, x_end; // the taps inside the input
    bool inside; // all of them
} window_t;

// Taps [begin, end) of `filter` lie inside [0, size) when the first lies at `start`.
static void clip(int32_t start, uint32_t filter, uint32_t dilation, uint32_t size, uint32_t *begin, uint32_t *end) {
    uint32_t tap = 0;
    for (; tap < filter && start + (int32_t)(tap * dilation) < 0; tap++) {
    }
    *begin = tap;
    for (; tap < filter && start + (int32_t)(tap * dilation) < (int32_t)size; tap++) {
    }
    *end = tap;
}

static window_t window_at(const tml_conv_t *c, uint32_t out_y, uint32_t out_x) {
    int32_t y = (int32_t)(out_y * c->stride_h) - c->pad_top, x = (int32_t)(out_x * c->stride_w) - c->pad_left;
    window_t w;
    clip(y, c->filter_h, c->dilation_h, c->in_h, &w.y_begin, &w.y_end);
    clip(x, c->filter_w, c->dilation_w, c->in_w, &w.x_begin, &w.x_end);
    w.inside = w.y_end - w.y_begin == c->filter_h && w.x_end - w.x_begin == c->filter_w;
    w.column_stride = (uint32_t)c->dilation_w * c->in_c;
    w.row_stride = (uint32_t)c->dilation_h * c->in_w * c->in_c;
    w.first = ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c;
    return w;
}

// Sum of a window inside the input, from its first tap in both operands.
static uint32_t sum_inside(const tml_conv_t *c, const window_t *w, const int8_t *x, const int8_t *weights, uint32_t sum) {
    for (uint32_t fy = 0; fy < c->filter_h; fy++, x += w->row_stride) {
        const int8_t *tap = x;
        for (uint32_t fx = 0; fx < c->filter_w; fx++) {
            sum += (uint32_t)(*tap * *weights);
            tap += w->column_stride;
            weights += c->out_c;
        }
    }
    return sum;
}

// The same for a window that sticks out: taps outside read as the zero point.
static uint32_t sum_edge(const tml_conv_t *c, const window_t *w, const int8_t *channel, const int8_t *weights, uint32_t sum) {
    for (uint32_t fy = 0; fy < c->filter_h; fy++) {
        bool row_inside = fy >= w->y_begin && fy < w->y_end;
        uint32_t offset = w->first + fy * w->row_stride;
        for (uint32_t fx = 0; fx < c->filter_w; fx++, offset += w->column_stride, weights += c->out_c) {
            bool tap_inside = row_inside && fx >= w->x_begin && fx < w->x_end;
            int32_t value = tap_inside ? channel[offset] : c->in_zero_point;
            sum += (uint32_t)(value * *weights);
        }
    }
    return sum;
}

static void pixel(const tml_conv_t *c, const window_t *w, const int8_t *input, const int8_t *weights, const tml_channel_t *channel, int8_t *output) {
    const tml_range_t range = TML_RANGE_OF(c);
    const uint32_t multiplier = c->out_c / c->in_c;
    for (uint32_t ic = 0; ic < c->in_c; ic++) {
        for (uint32_t i = 0; i < multiplier; i++, weights++, channel++) {
            uint32_t sum = (uint32_t)channel->bias;
            sum = w->inside ? sum_inside(c, w, input + w->first + ic, weights, sum) : sum_edge(c, w, input + ic, weights, sum);
            *output++ = tml_requantise((int32_t)sum, channel, range.zero_point, range.low, range.high);
        }
    }
}

void tml_fast_depthwise_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const int8_t *input = (const int8_t *)(context->arena + c->input);
    const int8_t *weights = (const int8_t *)(context->module + c->weights);
    const tml_channel_t *channels = (const tml_channel_t *)(const void *)(context->module + c->channels);
    int8_t *output = (int8_t *)(context->arena + c->output);
    for (uint32_t y = 0; y < c->out_h; y++) {
        for (uint32_t x = 0; x < c->out_w; x++, output += c->out_c) {
            window_t window = window_at(c, y, x);
            pixel(c, &window, input, weights, channels, output);
        }
    }
}
