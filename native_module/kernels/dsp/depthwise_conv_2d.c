// DEPTHWISE_CONV_2D with 3 x 3 filters, four channels at a time. A strip of rows of four channels is unpacked into scratch as planar
// rows of pairs, then each channel is computed from there. What is called a row runs along the longer side of the output, so that
// few outputs are left over at its end. Weights [channel][row][w0 w1 w2 0], rows in that sense. Input [in_h][in_w][in_c], output
// [out_h][out_w][in_c], in_c a multiple of four; input, output and scratch must not overlap.
#include "kernels/dsp/plane.h"
#include "kernels/mk/dsp.h"
#include "tml_kernels.h"

#define TAPS (3)
#define CHANNELS TML_DSP_PLANE_CHANNELS

// One side of the image; `bytes` from one pixel to the next in input and output.
typedef struct {
    int32_t in, out, pad, stride, in_bytes, out_bytes;
} side_t;

typedef struct {
    const tml_conv_t *conv;
    side_t row, column; // from row to row; along a row
    int32_t words; // of a channel in a planar row
    uint32_t *x;
    int32_t strip; // rows of the output that scratch has room for
} run_t;

// Where rows run along columns of the image; the packer decides the same.
static bool is_transposed(const tml_conv_t *c) {
    return c->out_h > c->out_w;
}

// The last four outputs of a row read whole words, whether or not all are stored.
static int32_t row_words(int32_t outputs, int32_t stride) {
    int32_t blocks = (outputs + TML_DSP_PLANE_OUTPUTS - 1) / TML_DSP_PLANE_OUTPUTS;
    return blocks * 2 * stride + 1;
}

// Rows of the output whose input rows fit the scratch; at least one, by the check.
static int32_t strip_rows(const tml_conv_t *c, int32_t words, int32_t stride) {
    int32_t in_rows = (int32_t)(c->scratch_bytes / ((uint32_t)words * TML_DSP_PLANE_WORD));
    return (in_rows - TAPS) / stride + 1;
}

static run_t prepare(const tml_context_t *context, const tml_conv_t *c) {
    const int32_t channels = c->in_c;
    const side_t down = {c->in_h, c->out_h, c->pad_top, c->stride_h, channels *c->in_w, channels *c->out_w};
    const side_t across = {c->in_w, c->out_w, c->pad_left, c->stride_w, channels, channels};
    const bool transposed = is_transposed(c);
    run_t run = {.conv = c, .row = transposed ? across : down, .column = transposed ? down : across};
    run.words = row_words(run.column.out, run.column.stride);
    run.x = (uint32_t *)(void *)(context->arena + c->scratch);
    run.strip = strip_rows(c, run.words, run.row.stride);
    return run;
}

// Two neighbours in a row, four channels each, as one pair per channel.
static inline void unpack(uint32_t first, uint32_t second, uint32_t *to) {
    uint32_t first_even = tml_sxtb16(first), second_even = tml_sxtb16(second);
    uint32_t first_odd = tml_sxtb16_odd(first), second_odd = tml_sxtb16_odd(second);
    to[0] = tml_pack_low(first_even, second_even);
    to[1] = tml_pack_low(first_odd, second_odd);
    to[2] = tml_pack_high(first_even, second_even);
    to[3] = tml_pack_high(first_odd, second_odd);
}

// Four channels at a column of a row of the input, or padding.
static uint32_t pixel(const run_t *run, const int8_t *row, int32_t column) {
    if (column < 0 || column >= run->column.in) {
        return (uint8_t)run->conv->in_zero_point * 0x01010101u;
    }
    return tml_load_word(row + column * run->column.in_bytes);
}

// A row of the input, from the padding before it to the last column that an output needs.
static void unpack_row(const run_t *run, const int8_t *row, uint32_t *to) {
    const side_t *side = &run->column;
    const int32_t end = (side->out - 1) * side->stride + TAPS - side->pad;
    const int32_t inside = (end < side->in ? end : side->in) - 1;
    int32_t column = -side->pad;
    for (; column < 0; column += 2, to += CHANNELS) {
        unpack(pixel(run, row, column), pixel(run, row, column + 1), to);
    }
    const int8_t *at = row + column * side->in_bytes;
    for (; column < inside; column += 2, to += CHANNELS) {
        uint32_t first = tml_load_word(at);
        at += side->in_bytes;
        unpack(first, tml_load_word(at), to);
        at += side->in_bytes;
    }
    for (; column < end; column += 2, to += CHANNELS) {
        unpack(pixel(run, row, column), pixel(run, row, column + 1), to);
    }
}

static void fill_row(const run_t *run, uint32_t *to) {
    const uint32_t pair = (uint16_t)run->conv->in_zero_point * 0x10001u;
    for (const uint32_t *end = to + run->words * CHANNELS; to < end; to++) {
        *to = pair;
    }
}

// The input rows of `rows` output rows from `first` on; input: that of the first of four channels.
static void unpack_strip(const run_t *run, const int8_t *input, int32_t first, int32_t rows) {
    const int32_t start = first * run->row.stride - run->row.pad, end = start + (rows - 1) * run->row.stride + TAPS;
    uint32_t *to = run->x;
    for (int32_t row = start; row < end; row++, to += run->words * CHANNELS) {
        if (row < 0 || row >= run->row.in) {
            fill_row(run, to);
        } else {
            unpack_row(run, input + row * run->row.in_bytes, to);
        }
    }
}

// Four channels of `rows` rows whose input has been unpacked.
static void compute_strip(const run_t *run, const uint32_t *weights, const tml_dsp_channel_t *channel, int8_t *out, int32_t rows) {
    const uint32_t row_bytes = (uint32_t)run->words * TML_DSP_PLANE_WORD;
    tml_dsp_plane_t plane = {
        .x_row = row_bytes,
        .x_step = row_bytes * (uint32_t)run->row.stride,
        .out_step = (uint32_t)run->column.out_bytes,
        .out_row = (uint32_t)run->row.out_bytes,
        .rows = (uint32_t)rows,
        .columns = (uint32_t)run->column.out,
    };
    for (uint32_t i = 0; i < CHANNELS; i++) {
        plane.x = run->x + i;
        plane.weights = weights + i * TAPS;
        plane.channel = channel + i;
        plane.out = out + i;
        if (run->column.stride == 1) {
            tml_dsp_plane_1(&plane);
        } else {
            tml_dsp_plane_2(&plane);
        }
    }
}

void tml_dsp_depthwise_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const run_t run = prepare(context, c);
    const int8_t *input = (const int8_t *)(context->arena + c->input);
    const uint32_t *weights = (const uint32_t *)(const void *)(context->module + c->weights);
    const tml_dsp_channel_t *channels = (const tml_dsp_channel_t *)(const void *)(context->module + c->aux);
    int8_t *output = (int8_t *)(context->arena + c->output);
    for (uint32_t channel = 0; channel < c->in_c; channel += CHANNELS) {
        for (int32_t row = 0; row < run.row.out; row += run.strip) {
            int32_t rows = run.row.out - row < run.strip ? run.row.out - row : run.strip;
            int8_t *out = output + channel + row * run.row.out_bytes;
            unpack_strip(&run, input + channel, row, rows);
            compute_strip(&run, weights + channel * TAPS, channels + channel, out, rows);
        }
    }
    tml_dsp_clamp(output, (uint32_t)c->out_h * c->out_w * c->out_c, c->act_min, c->act_max);
}

// The geometry that this kernel is for.
static tml_status_t check_shape(const tml_bounds_t *bounds, const tml_conv_t *c) {
    uint32_t along = is_transposed(c) ? c->stride_h : c->stride_w;
    if (c->filter_h != TAPS || c->filter_w != TAPS || c->in_c != c->out_c || c->in_c % CHANNELS != 0) {
        return tml_fail(bounds, TML_SHAPE, c->in_c, c->out_c);
    }
    if (c->dilation_h != 1 || c->dilation_w != 1 || along > 2) {
        return tml_fail(bounds, TML_SHAPE, along, 2);
    }
    return TML_OK;
}

tml_status_t tml_check_dsp_depthwise_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, (const tml_head_t *)c, &window, spans));
    TML_TRY(check_shape(bounds, c));
    int32_t words = is_transposed(c) ? row_words(c->out_h, c->stride_h) : row_words(c->out_w, c->stride_w);
    TML_TRY(tml_check_dsp_scratch(bounds, &scratch, (uint64_t)words * TML_DSP_PLANE_WORD * TAPS, spans));
    TML_TRY(tml_check_constants(bounds, c->weights, (uint64_t)c->out_c * TAPS * 4));
    TML_TRY(tml_check_dsp_channels(bounds, c->aux, c->aux_bytes, c->out_c));
    TML_TRY(tml_check_activation(bounds, c->act_min, c->act_max));
    // Per strip of one row, three rows are unpacked.
    uint64_t rows = (uint64_t)(c->out_h > c->out_w ? c->out_w : c->out_h) * c->out_c;
    return tml_check_work(bounds, rows * ((uint64_t)words * TAPS * 2 + TAPS * TAPS * (uint64_t)words * 2));
}
