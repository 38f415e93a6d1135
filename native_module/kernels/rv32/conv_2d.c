// CONV_2D, two channels of two pairs of output pixels at a time; see pairs.h. Weights [out_c, even][taps * in_c, multiple of 4], each
// row one channel; aux: where the rest of each channel starts, [out_c + 1] words counted from the first entry, then all entries
// (host/tinymlaas/variants/tile_conv_2d.py makes them). Input, output and scratch must not overlap.
#include "kernels/check/bounds.h"
#include "kernels/fast/requantise.h"
#include "kernels/rv32/pairs.h"
#include "tml_kernels.h"

#define PIXELS (4)

// The operator being run.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input;
    const int8_t *weights;
    const tml_channel_t *channels;
    const uint32_t *rest;
    uint32_t *x; // [taps * in_c][2 pairs]
    uint32_t windows;
    tml_range_t range;
} run_t;

void tml_tile_conv_2d(const tml_context_t *context, const tml_record_t *record);
tml_status_t tml_check_tile_conv_2d(tml_bounds_t *bounds, const tml_record_t *record);

static inline uint32_t windows_of(const tml_conv_t *c) {
    return ((uint32_t)c->filter_h * c->filter_w * c->in_c + TML_PAIRS_WINDOW - 1) / TML_PAIRS_WINDOW;
}

// Puts one input of a pixel into its lane.
static inline void put(uint32_t *x, int32_t value, bool upper) {
    *x = upper ? *x + ((uint32_t)value << 16) : (uint32_t)value;
}

static inline uint32_t *put_bytes(const int8_t *from, uint32_t n, uint32_t *x, bool upper) {
    for (; n >= 4; n -= 4, from += 4, x += 8) {
        put(x, from[0], upper);
        put(x + 2, from[1], upper);
        put(x + 4, from[2], upper);
        put(x + 6, from[3], upper);
    }
    for (; n > 0; n--, x += 2) {
        put(x, *from++, upper);
    }
    return x;
}

static inline uint32_t *put_padding(int32_t value, uint32_t n, uint32_t *x, bool upper) {
    for (; n > 0; n--, x += 2) {
        put(x, value, upper);
    }
    return x;
}

// What the filters see of one input row, from column `left` on.
static inline uint32_t *put_row(const tml_conv_t *c, const int8_t *row, int32_t left, uint32_t *x, bool upper) {
    if (c->dilation_w == 1 && left >= 0 && left + c->filter_w <= c->in_w) {
        return put_bytes(row + (uint32_t)left * c->in_c, (uint32_t)c->filter_w * c->in_c, x, upper);
    }
    for (uint32_t fx = 0; fx < c->filter_w; fx++, left += c->dilation_w) {
        if (left >= 0 && left < c->in_w) {
            x = put_bytes(row + (uint32_t)left * c->in_c, c->in_c, x, upper);
        } else {
            x = put_padding(c->in_zero_point, c->in_c, x, upper);
        }
    }
    return x;
}

// What the filters see of the input at one output pixel.
static inline void put_pixel(const run_t *run, uint32_t pixel, uint32_t *x, bool upper) {
    const tml_conv_t *c = run->conv;
    int32_t y = (int32_t)(pixel / c->out_w * c->stride_h) - c->pad_top, left = (int32_t)(pixel % c->out_w * c->stride_w) - c->pad_left;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        if (y < 0 || y >= c->in_h) {
            x = put_padding(c->in_zero_point, (uint32_t)c->filter_w * c->in_c, x, upper);
        } else {
            x = put_row(c, run->input + (uint32_t)y * c->in_w * c->in_c, left, x, upper);
        }
    }
}

// Not inlined: the loads and the sums below need all registers.
__attribute__((noinline)) static void put_pair(const run_t *run, uint32_t pixel, uint32_t *x) {
    put_pixel(run, pixel, x, false);
    put_pixel(run, pixel + 1, x, true);
}

static inline void finish(const run_t *run, const tml_pair_t sums[2], uint32_t channel, int8_t *output) {
    uint32_t pixels[PIXELS];
    tml_pairs_unpack(sums, pixels);
    tml_requantise_4(pixels, run->channels + channel, &run->range, output + channel, run->conv->out_c);
}

// All channels of four pixels, two at a time; the last may be padding.
__attribute__((noinline)) static void all_channels(const run_t *run, int8_t *output) {
    const uint32_t out_c = run->conv->out_c, windows = run->windows, *x = run->x;
    const uint32_t *start = run->rest, *entries = start + out_c + 1;
    const int8_t *weights = run->weights;
    for (uint32_t channel = 0; channel < out_c; channel += 2, start += 2, weights += 2 * TML_PAIRS_WINDOW * windows) {
        tml_pair_t sums[4];
        tml_pairs(x, weights, windows, sums);
        tml_pairs_rest(x, entries + start[0], entries + start[1], sums);
        finish(run, sums, channel, output);
        if (channel + 1 < out_c) {
            tml_pairs_rest(x, entries + start[1], entries + start[2], sums + 2);
            finish(run, sums + 2, channel + 1, output);
        }
    }
}

static void four_pixels(const run_t *run, uint32_t pixel, int8_t *output) {
    put_pair(run, pixel, run->x);
    put_pair(run, pixel + 2, run->x + 1);
    all_channels(run, output);
}

void tml_tile_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const run_t run = {
        .conv = c,
        .input = (const int8_t *)(context->arena + c->input),
        .weights = (const int8_t *)(context->module + c->weights),
        .channels = (const tml_channel_t *)(const void *)(context->module + c->channels),
        .rest = (const uint32_t *)(const void *)(context->module + c->aux),
        .x = (uint32_t *)(void *)(context->arena + c->scratch),
        .windows = windows_of(c),
        .range = TML_RANGE_OF(c),
    };
    int8_t *output = (int8_t *)(context->arena + c->output);
    const uint32_t pixels = (uint32_t)c->out_h * c->out_w;
    uint32_t pixel = 0;
    for (; pixel + PIXELS <= pixels; pixel += PIXELS) {
        four_pixels(&run, pixel, output + pixel * c->out_c);
    }
    if (pixel < pixels) { // the last block does some pixels again
        four_pixels(&run, pixels - PIXELS, output + (pixels - PIXELS) * c->out_c);
    }
}

// The rest of every channel is a range of the entries, and every entry names a tap.
static tml_status_t check_rest(const tml_bounds_t *bounds, const tml_conv_t *c) {
    const uint32_t taps = windows_of(c) * TML_PAIRS_WINDOW, words = c->aux_bytes / 4, starts = (uint32_t)c->out_c + 1;
    TML_TRY(tml_check_constants(bounds, c->aux, c->aux_bytes));
    if (c->aux_bytes % 4 != 0 || words < starts) {
        return tml_fail(bounds, TML_SHAPE, c->aux_bytes, 4 * starts);
    }
    const uint32_t *start = (const uint32_t *)(const void *)(bounds->module + c->aux), *entry = start + starts;
    for (uint32_t i = 0; i < starts; i++) {
        if (start[i] > words - starts || (i > 0 && start[i] < start[i - 1])) {
            return tml_fail(bounds, TML_SHAPE, start[i], words - starts);
        }
    }
    for (uint32_t i = 0; i < words - starts; i++) {
        if ((entry[i] & 0xffff) >= taps) {
            return tml_fail(bounds, TML_SHAPE, entry[i] & 0xffff, taps);
        }
    }
    return TML_OK;
}

static tml_status_t check_scratch(const tml_bounds_t *bounds, const tml_conv_t *c, const tml_span_t spans[2]) {
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    if (c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, c->scratch % 4, 0);
    }
    return tml_check_scratch(bounds, &scratch, windows_of(c) * TML_PAIRS_WINDOW * 8, &spans[0], &spans[1]);
}

tml_status_t tml_check_tile_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, (const tml_head_t *)c, &window, spans));
    TML_TRY(tml_check_count(bounds, (uint64_t)c->filter_h * c->filter_w * c->in_c, UINT16_MAX));
    if ((uint32_t)c->out_h * c->out_w < PIXELS) {
        return tml_fail(bounds, TML_SHAPE, (uint32_t)c->out_h * c->out_w, PIXELS);
    }
    const uint64_t weights_bytes = (uint64_t)windows_of(c) * TML_PAIRS_WINDOW * ((c->out_c + 1u) / 2 * 2);
    TML_TRY(check_scratch(bounds, c, spans));
    TML_TRY(tml_check_constants(bounds, c->weights, weights_bytes));
    TML_TRY(tml_check_channels(bounds, c->channels, c->out_c));
    TML_TRY(check_rest(bounds, c));
    TML_TRY(tml_check_activation(bounds, c->act_min, c->act_max));
    return tml_check_work(bounds, (weights_bytes + c->aux_bytes) * ((uint64_t)c->out_h * c->out_w + PIXELS));
}
