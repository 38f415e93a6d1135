// CONV_2D in blocks of four pixels, counted through the whole output. The inputs under four windows are gathered as pairs into
// scratch, then all channels are computed from there. Weights and channel stream: kernels/dsp/tile.h. Input [in_h][in_w][in_c],
// output [out_h][out_w][out_c]; input, output and scratch must not overlap.
#include "kernels/dsp/gather.h"
#include "kernels/dsp/tile.h"

#define PIXELS (4)

// Sizes that follow from the record. A row of the filter is `row` bytes; where that is no multiple of four the whole patch is
// collected as bytes before it is expanded.
typedef struct {
    uint32_t patch; // bytes under a window
    uint32_t quads;
    uint32_t row;
    uint32_t channels; // out_c, rounded up to pairs
} sizes_t;

// The operator being run. Scratch: x, then a patch of bytes, then four output pixels.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input;
    sizes_t sizes;
    uint32_t *x;
    int8_t *bytes;
    int8_t *block;
    tml_dsp_tiles_t tiles;
    int32_t next_y, next_x; // output pixel to be gathered next
} run_t;

static sizes_t sizes_of(const tml_conv_t *c) {
    sizes_t s;
    s.row = (uint32_t)c->filter_w * c->in_c;
    s.patch = c->filter_h * s.row;
    s.quads = (s.patch + 3) / 4;
    s.channels = (c->out_c + 1u) & ~1u;
    return s;
}

static uint64_t scratch_bytes(const sizes_t *s) {
    return (uint64_t)s->quads * (TML_DSP_X_WORDS(1) * 4 + 4) + PIXELS * s->channels;
}

// One row of a window, as bytes; its first tap lies over column x.
static void collect_row(const run_t *run, int32_t y, int32_t x, int8_t *to) {
    const tml_conv_t *c = run->conv;
    for (uint32_t fx = 0; fx < c->filter_w; fx++, x += c->dilation_w, to += c->in_c) {
        if (y >= 0 && y < c->in_h && x >= 0 && x < c->in_w) {
            memcpy(to, run->input + ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c, c->in_c);
        } else {
            memset(to, c->in_zero_point, c->in_c);
        }
    }
}

// One row of a window, of whole quads, expanded.
static uint32_t *expand_row(const run_t *run, int32_t y, int32_t x, uint32_t *to) {
    const tml_conv_t *c = run->conv;
    const uint32_t row = run->sizes.row;
    if (y < 0 || y >= c->in_h) {
        return tml_dsp_fill(c->in_zero_point, row / 4, to);
    }
    if (x >= 0 && x + c->filter_w <= c->in_w && (c->dilation_w == 1 || c->filter_w == 1)) {
        return tml_dsp_expand(run->input + ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c, row / 4, to);
    }
    collect_row(run, y, x, run->bytes);
    return tml_dsp_expand(run->bytes, row / 4, to);
}

// The window whose first tap lies over row y and column x.
static void gather(const run_t *run, int32_t y, int32_t x, uint32_t *to) {
    const tml_conv_t *c = run->conv;
    const bool whole_quads = run->sizes.row % 4 == 0;
    int8_t *bytes = run->bytes;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        if (whole_quads) {
            to = expand_row(run, y, x, to);
        } else {
            collect_row(run, y, x, bytes);
            bytes += run->sizes.row;
        }
    }
    if (!whole_quads) {
        tml_dsp_expand(run->bytes, run->sizes.quads, to);
    }
}

static void gather_pixels(run_t *run, uint32_t n) {
    const tml_conv_t *c = run->conv;
    for (uint32_t i = 0; i < n; i++) {
        gather(run, run->next_y * c->stride_h - c->pad_top, run->next_x * c->stride_w - c->pad_left, run->x + i);
        if (++run->next_x == c->out_w) {
            run->next_x = 0;
            run->next_y++;
        }
    }
}

// Computes n output pixels; fewer than four, or an odd number of channels, by way of scratch.
static void compute_pixels(run_t *run, uint32_t n, int8_t *output) {
    const tml_conv_t *c = run->conv;
    const uint32_t channels = run->sizes.channels;
    bool direct = n == PIXELS && channels == c->out_c;
    run->tiles.out = direct ? output : run->block;
    run->tiles.stride = channels;
    tml_dsp_tiles(&run->tiles);
    for (uint32_t i = 0; !direct && i < n; i++) {
        memcpy(output + i * c->out_c, run->block + i * channels, c->out_c);
    }
    tml_dsp_clamp(output, n * c->out_c, c->act_min, c->act_max);
}

static run_t prepare(const tml_context_t *context, const tml_conv_t *c) {
    run_t run = {.conv = c, .input = (const int8_t *)(context->arena + c->input), .sizes = sizes_of(c)};
    run.x = (uint32_t *)(void *)(context->arena + c->scratch);
    run.bytes = (int8_t *)(run.x + TML_DSP_X_WORDS(run.sizes.quads));
    run.block = run.bytes + 4 * run.sizes.quads;
    run.tiles.x = run.x;
    run.tiles.weights = (const uint32_t *)(const void *)(context->module + c->weights);
    run.tiles.channels = (const tml_dsp_channel_t *)(const void *)(context->module + c->aux);
    run.tiles.pairs = run.sizes.channels / 2;
    run.tiles.quads = run.sizes.quads;
    run.tiles.exact_ties = c->out_zero_point != INT8_MIN;
    return run;
}

void tml_dsp_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    run_t run = prepare(context, c);
    int8_t *output = (int8_t *)(context->arena + c->output);
    for (uint32_t left = (uint32_t)c->out_h * c->out_w; left > 0;) {
        uint32_t n = left < PIXELS ? left : PIXELS;
        gather_pixels(&run, n);
        compute_pixels(&run, n, output);
        output += n * c->out_c;
        left -= n;
    }
}

tml_status_t tml_check_dsp_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_count(bounds, (uint64_t)c->filter_h * c->filter_w * c->in_c, TML_MAX_ELEMENTS / 16));
    const sizes_t sizes = sizes_of(c);
    TML_TRY(tml_check_image(bounds, (const tml_head_t *)c, &window, spans));
    TML_TRY(tml_check_dsp_scratch(bounds, &scratch, scratch_bytes(&sizes), spans));
    const uint64_t weights_bytes = (uint64_t)sizes.quads * 4 * sizes.channels;
    TML_TRY(tml_check_constants(bounds, c->weights, weights_bytes));
    TML_TRY(tml_check_dsp_channels(bounds, c->aux, c->aux_bytes, sizes.channels));
    TML_TRY(tml_check_activation(bounds, c->act_min, c->act_max));
    return tml_check_work(bounds, (weights_bytes + sizes.patch) * ((uint64_t)c->out_h * c->out_w));
}
