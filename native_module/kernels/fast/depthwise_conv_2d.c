// DEPTHWISE_CONV_2D. Filters of 3 x 3 have a kernel of their own; the others: taps outside, channels inside. Each pass adds two taps of all channels to 32-bit accumulators in scratch, so
// that what a tap reads, image or padding, is decided once per tap. Operands as in kernels/ref/depthwise_conv_2d.c; input, output
// and scratch must not overlap, and the scratch is 4-byte aligned.
#include <string.h>

#include "kernels/fast/depthwise_3x3.h"
#include "tml_kernels.h"

// The operator being run, and where the scratch lies: accumulators [out_c], then two rows [out_c] for taps that need one.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input;
    const int8_t *weights;
    uint32_t *acc;
    int8_t *rows;
} run_t;

// Repeats every channel `multiplier` times.
static void expand(const int8_t *x, uint32_t in_c, uint32_t multiplier, int8_t *row) {
    for (const int8_t *end = x + in_c; x < end; x++, row += multiplier) {
        memset(row, *x, multiplier);
    }
}

// The values [out_c] that output channels see at row y and column x: the image itself, or the given row filled with them.
static const int8_t *tap(const run_t *run, int32_t y, int32_t x, int8_t *row) {
    const tml_conv_t *c = run->conv;
    if (y < 0 || y >= c->in_h || x < 0 || x >= c->in_w) {
        memset(row, c->in_zero_point, c->out_c);
        return row;
    }
    const int8_t *pixel = run->input + ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c;
    if (c->in_c == c->out_c) {
        return pixel;
    }
    expand(pixel, c->in_c, c->out_c / c->in_c, row);
    return row;
}

// Adds all taps of the window whose first tap lies over row y and column x.
static void add_window(const run_t *run, int32_t y, int32_t x) {
    const tml_conv_t *c = run->conv;
    const int8_t *w = run->weights, *pending = NULL;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        for (uint32_t fx = 0; fx < c->filter_w; fx++, w += c->out_c) {
            int8_t *row = pending != NULL ? run->rows + c->out_c : run->rows;
            const int8_t *values = tap(run, y, x + (int32_t)(fx * c->dilation_w), row);
            if (pending == NULL) {
                pending = values;
            } else {
                tml_add_products_2(run->acc, pending, w - c->out_c, values, w, c->out_c);
                pending = NULL;
            }
        }
    }
    if (pending != NULL) {
        tml_add_products(run->acc, pending, w - c->out_c, c->out_c);
    }
}

static void start(uint32_t *acc, const tml_channel_t *channel, uint32_t n) {
    for (const uint32_t *end = acc + n; acc < end; acc++, channel++) {
        *acc = (uint32_t)channel->bias;
    }
}

static void finish(const uint32_t *acc, const tml_channel_t *channel, const tml_range_t *range, uint32_t n, int8_t *output) {
    for (const uint32_t *end = acc + n; acc < end; acc++, channel++) {
        *output++ = tml_requantise((int32_t)*acc, channel, range->zero_point, range->low, range->high);
    }
}

static void filter_3x3(const tml_context_t *context, const tml_conv_t *c, const tml_channel_t *channels) {
    const int8_t *input = (const int8_t *)(context->arena + c->input), *weights = (const int8_t *)(context->module + c->weights);
    int8_t *output = (int8_t *)(context->arena + c->output);
    const uint32_t multiplier = c->out_c / c->in_c;
    tml_channel_3x3_t k;
    k.conv = c;
    k.range = (tml_range_t)TML_RANGE_OF(c);
    for (uint32_t i = 0; i < c->out_c; i++, channels++, weights++) {
        k.input = input + (multiplier == 1 ? i : i / multiplier);
        k.output = output + i;
        k.by = (tml_right_t) {channels->multiplier, (uint32_t)-channels->shift - 1};
        k.bias = (uint32_t)channels->bias;
        const int8_t *weight = weights;
        for (int8_t *to = k.weights; to < k.weights + 9; to++, weight += c->out_c) {
            *to = *weight;
        }
        if (c->stride_w == 1) {
            tml_channel_3x3(&k);
        } else {
            tml_channel_3x3_stride_2(&k);
        }
    }
}

// Not inlined: with the other it would need more stack than a kernel may use.
__attribute__((noinline)) static void filter_any(const tml_context_t *context, const tml_conv_t *c, const tml_channel_t *channels) {
    const tml_range_t range = TML_RANGE_OF(c);
    uint32_t *acc = (uint32_t *)(void *)(context->arena + c->scratch);
    const run_t run = {
        .conv = c,
        .input = (const int8_t *)(context->arena + c->input),
        .weights = (const int8_t *)(context->module + c->weights),
        .acc = acc,
        .rows = (int8_t *)(acc + c->out_c),
    };
    int8_t *output = (int8_t *)(context->arena + c->output);
    for (uint32_t y = 0; y < c->out_h; y++) {
        for (uint32_t x = 0; x < c->out_w; x++, output += c->out_c) {
            start(acc, channels, c->out_c);
            add_window(&run, (int32_t)(y * c->stride_h) - c->pad_top, (int32_t)(x * c->stride_w) - c->pad_left);
            finish(acc, channels, &range, c->out_c, output);
        }
    }
}

void tml_fast_depthwise_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_channel_t *channels = (const tml_channel_t *)(const void *)(context->module + c->channels);
    if (tml_is_3x3(c, channels)) {
        filter_3x3(context, c, channels);
    } else {
        filter_any(context, c, channels);
    }
}
