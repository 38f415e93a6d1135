// CONV_2D in blocks of four pixels, counted through the whole output. The inputs under four windows are gathered as pairs into
// scratch, then all channels are computed from there. Where windows reach over the edge of the input, the rows that a row of the
// output needs are first copied into scratch with their padding. Weights: kernels/dsp/tile.h, each row of the filter filled up to
// whole quads with zeros. Input [in_h][in_w][in_c], output [out_h][out_w][out_c]; input, output and scratch must not overlap.
#include "kernels/dsp/gather.h"
#include "kernels/dsp/tile.h"

#define PIXELS (4)

// Sizes that follow from the record.
typedef struct {
    uint32_t row; // bytes of the input under a row of the filter
    uint32_t row_quads;
    uint32_t quads;
    uint32_t channels; // out_c, rounded up to pairs
    uint32_t pitch; // of a copied row; 0: windows lie inside the input and are read there
} sizes_t;

// The operator being run. Scratch: x, then rows with padding, then four output pixels.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input;
    sizes_t sizes;
    int8_t *band;
    int8_t *block;
    tml_dsp_windows_t windows;
    tml_dsp_tiles_t tiles;
} run_t;

// All windows lie inside the input, and rows of the filter are whole quads: nothing else would be read.
static bool is_inside(const tml_conv_t *c, uint32_t row) {
    return c->pad_top == 0 && c->pad_left == 0 && row % 4 == 0 && (c->out_w - 1u) * c->stride_w + c->filter_w <= c->in_w
           && (c->out_h - 1u) * c->stride_h + (c->filter_h - 1u) * c->dilation_h < c->in_h;
}

static sizes_t sizes_of(const tml_conv_t *c) {
    sizes_t s;
    s.row = (uint32_t)c->filter_w * c->in_c;
    s.row_quads = (s.row + 3) / 4;
    s.quads = c->filter_h * s.row_quads;
    s.channels = (c->out_c + 1u) & ~1u;
    s.pitch = is_inside(c, s.row) ? 0 : ((c->out_w - 1u) * c->stride_w * c->in_c + 4 * s.row_quads + 3) & ~3u;
    return s;
}

static uint64_t scratch_bytes(const tml_conv_t *c, const sizes_t *s) {
    return (uint64_t)s->quads * TML_DSP_X_WORDS(1) * 4 + (uint64_t)c->filter_h * s->pitch + PIXELS * s->channels;
}

// memcpy that keeps to words at any alignment.
static int8_t *copy(int8_t *to, const int8_t *from, uint32_t bytes) {
    const int8_t *end = from + bytes;
    for (; from + 8 <= end; from += 8, to += 8) {
        uint32_t first = tml_load_word(from), second = tml_load_word(from + 4);
        memcpy(to, &first, 4);
        memcpy(to + 4, &second, 4);
    }
    while (from < end) {
        *to++ = *from++;
    }
    return to;
}

// Row y of the input from its column -pad_left on, as wide as the windows of a row of the output.
static void copy_row(const run_t *run, int32_t y, int8_t *to) {
    const tml_conv_t *c = run->conv;
    const uint32_t width = (uint32_t)c->in_w * c->in_c, left = (uint32_t)c->pad_left * c->in_c, pitch = run->sizes.pitch;
    int8_t *end = to + pitch;
    if (y >= 0 && y < c->in_h && left < pitch) {
        memset(to, c->in_zero_point, left);
        to = copy(to + left, run->input + (uint32_t)y * width, width < pitch - left ? width : pitch - left);
    }
    memset(to, c->in_zero_point, (size_t)(end - to));
}

// Sets up the windows of a row of the output.
static void begin_row(run_t *run, uint32_t out_y) {
    const tml_conv_t *c = run->conv;
    int32_t y = (int32_t)(out_y * c->stride_h) - c->pad_top;
    if (run->sizes.pitch == 0) {
        run->windows.from = run->input + (uint32_t)y * c->in_w * c->in_c;
        return;
    }
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        copy_row(run, y, run->band + fy * run->sizes.pitch);
    }
    run->windows.from = run->band;
}

// The next n windows of the row, as pixels from `lane` on.
static void gather(run_t *run, uint32_t lane, uint32_t n) {
    if (n == PIXELS) {
        tml_dsp_gather_4(&run->windows);
        run->windows.from += PIXELS * run->windows.step;
        return;
    }
    for (; n > 0; n--, lane++) {
        tml_dsp_gather_1(&run->windows, lane);
        run->windows.from += run->windows.step;
    }
}

// Computes n output pixels; fewer than four, or an odd number of channels, by way of scratch.
static void compute(run_t *run, uint32_t n, int8_t *output) {
    const tml_conv_t *c = run->conv;
    const uint32_t channels = run->sizes.channels;
    bool direct = n == PIXELS && channels == c->out_c;
    run->tiles.out = direct ? output : run->block;
    tml_dsp_tiles(&run->tiles);
    for (uint32_t i = 0; !direct && i < n; i++) {
        memcpy(output + i * c->out_c, run->block + i * channels, c->out_c);
    }
    tml_dsp_clamp(output, n * c->out_c, c->act_min, c->act_max);
}

static run_t prepare(const tml_context_t *context, const tml_conv_t *c) {
    run_t run = {.conv = c, .input = (const int8_t *)(context->arena + c->input), .sizes = sizes_of(c)};
    const sizes_t *s = &run.sizes;
    uint32_t *x = (uint32_t *)(void *)(context->arena + c->scratch);
    run.band = (int8_t *)(x + TML_DSP_X_WORDS(s->quads));
    run.block = run.band + c->filter_h * s->pitch;
    run.windows.step = (uint32_t)c->stride_w * c->in_c;
    run.windows.pitch = s->pitch != 0 ? s->pitch : (uint32_t)c->dilation_h * c->in_w * c->in_c;
    run.windows.rows = c->filter_h;
    run.windows.row_quads = s->row_quads;
    run.windows.x = x;
    run.tiles.x = x;
    run.tiles.weights = (const uint32_t *)(const void *)(context->module + c->weights);
    run.tiles.channels = (const tml_dsp_channel_t *)(const void *)(context->module + c->aux);
    run.tiles.stride = s->channels;
    run.tiles.pairs = s->channels / 2;
    run.tiles.quads = s->quads;
    run.tiles.exact_ties = c->out_zero_point != INT8_MIN;
    return run;
}

void tml_dsp_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    run_t run = prepare(context, c);
    int8_t *output = (int8_t *)(context->arena + c->output);
    uint32_t lane = 0;
    for (uint32_t y = 0; y < c->out_h; y++) {
        begin_row(&run, y);
        for (uint32_t left = c->out_w; left > 0;) {
            uint32_t n = left < PIXELS - lane ? left : PIXELS - lane;
            gather(&run, lane, n);
            left -= n;
            lane += n;
            if (lane == PIXELS || (left == 0 && y + 1 == c->out_h)) {
                compute(&run, lane, output);
                output += lane * c->out_c;
                lane = 0;
            }
        }
    }
}

tml_status_t tml_check_dsp_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, (const tml_head_t *)c, &window, spans));
    TML_TRY(tml_check_count(bounds, (uint64_t)c->filter_h * c->filter_w * c->in_c, TML_MAX_ELEMENTS / 64));
    TML_TRY(tml_check_count(bounds, (uint64_t)c->out_w * c->stride_w * c->in_c, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, c->filter_w == 1 ? 1 : c->dilation_w, 1));
    const sizes_t sizes = sizes_of(c);
    TML_TRY(tml_check_dsp_scratch(bounds, &scratch, scratch_bytes(c, &sizes), spans));
    const uint64_t weights_bytes = (uint64_t)sizes.quads * 4 * sizes.channels;
    TML_TRY(tml_check_constants(bounds, c->weights, weights_bytes));
    TML_TRY(tml_check_dsp_channels(bounds, c->aux, c->aux_bytes, sizes.channels));
    TML_TRY(tml_check_activation(bounds, c->act_min, c->act_max));
    const uint64_t gathered = (uint64_t)sizes.quads * 4 + sizes.pitch;
    return tml_check_work(bounds, (weights_bytes + gathered) * ((uint64_t)c->out_h * c->out_w));
}
