// DEPTHWISE_CONV_2D with 3 x 3 filters, as many output as input channels and equal strides, two products per multiplication
// (kernels/mk/swar.h). One channel at a time: the rows of the output are cut into four parts, one below the other (parts may
// overlap), whose windows are the same distance apart in the input; so the input is packed once, four rows to a position, and
// each weight serves four output pixels. Input, output and scratch must not overlap.
//
// Constants (`aux`): a channel_t per channel. Scratch: positions [rows of a part's input][columns with padding], 8 bytes each.
// Compiler: host/tinymlaas/variants/swar_depthwise_conv_2d.py.
#include "kernels/check/bounds.h"
#include "kernels/mk/swar.h"

#define PARTS (4)

typedef struct {
    int8_t weights[9];
    uint8_t by_pairs; // windows of 2 weights instead of a row of 3
    uint8_t reserved[2];
    uint32_t start;
    uint32_t offset, limit, factor_high, factor_low, factor_bits; // of tml_swar_scale_t
} channel_t;

// How the image is cut.
typedef struct {
    uint32_t out_rows; // of a part
    uint32_t rows, columns; // of positions
    uint32_t pitch; // bytes of a row of positions
} cut_t;

static cut_t cut_of(const tml_conv_t *c) {
    const uint32_t out_rows = ((uint32_t)c->out_h + PARTS - 1) / PARTS, columns = (c->out_w - 1u) * c->stride_w + 3;
    return (cut_t) {out_rows, (out_rows - 1) * c->stride_h + 3, columns, 8 * columns};
}

// First output row of a part.
static uint32_t part_of(const tml_conv_t *c, const cut_t *cut, uint32_t part) {
    const uint32_t row = part * cut->out_rows, last = c->out_h - cut->out_rows;
    return row < last ? row : last;
}

// Columns of positions that the image fills, the others being padding: first and behind the last.
static uint32_t first_column(const tml_conv_t *c) {
    return c->pad_left;
}

static uint32_t last_column(const tml_conv_t *c, const cut_t *cut) {
    const uint32_t behind = (uint32_t)c->pad_left + c->in_w;
    return behind < cut->columns ? behind : cut->columns;
}

// What lies left and right of the image is the same for all channels.
static void pad_columns(const tml_conv_t *c, const cut_t *cut, uint32_t *lanes) {
    const uint32_t fill = (uint32_t)c->in_zero_point * 0x10001;
    const uint32_t first = first_column(c), last = last_column(c, cut);
    for (uint32_t row = 0; row < cut->rows; row++) {
        for (uint32_t x = 0; x < cut->columns; x++, lanes += 2) {
            if (x < first || x >= last) {
                lanes[0] = lanes[1] = fill;
            }
        }
    }
}

// A part's row lies outside the image: its lane becomes the zero point.
static void pad_lane(uint32_t *lanes, uint32_t part, uint32_t n, int32_t zero_point) {
    for (lanes += part / 2; n > 0; n--, lanes += 2) {
        const uint32_t low = (uint32_t)(int16_t)*lanes;
        *lanes = part % 2 == 0 ? *lanes - low + (uint32_t)zero_point : low + ((uint32_t)zero_point << 16);
    }
}

// One row of positions of the channel whose bytes start at `plane`.
static void pack_row(const tml_conv_t *c, const cut_t *cut, const int8_t *plane, uint32_t row, uint32_t *lanes) {
    const uint32_t first = first_column(c), n = last_column(c, cut) - first;
    const int8_t *rows[PARTS];
    uint32_t outside = 0;
    for (uint32_t part = 0; part < PARTS; part++) {
        int32_t y = (int32_t)(part_of(c, cut, part) * c->stride_h + row) - c->pad_top;
        if (y < 0 || y >= c->in_h) {
            outside |= 1u << part;
            y = 0;
        }
        rows[part] = plane + (uint32_t)y * c->in_w * c->in_c;
    }
    lanes += 2 * first;
    tml_swar_pack_columns(lanes, rows, c->in_c, n);
    for (uint32_t part = 0; outside != 0; part++, outside >>= 1) {
        if ((outside & 1) != 0) {
            pad_lane(lanes, part, n, c->in_zero_point);
        }
    }
}

static void filter(tml_swar_planes_t *job, const channel_t *channel, int8_t *out) {
    for (unsigned i = 0; i < 9; i++) {
        job->weights[i] = (uint32_t)channel->weights[i];
    }
    job->offset = channel->offset;
    job->factor_high = channel->factor_high;
    job->factor_low = channel->factor_low;
    job->factor_bits = channel->factor_bits;
    job->limit = channel->limit;
    job->start = channel->start;
    job->out = out;
    if (channel->by_pairs != 0) {
        tml_swar_filter_by_pairs(job);
    } else {
        tml_swar_filter_by_rows(job);
    }
}

static tml_swar_planes_t job_of(const tml_conv_t *c, const cut_t *cut, const uint32_t *lanes) {
    const uint32_t step = 8u * c->stride_w, pitch = cut->pitch * c->stride_h, row_bytes = step * c->out_w;
    tml_swar_planes_t job = {
        .down = cut->pitch - 24,
        .next = step - 2 * cut->pitch - 24,
        .pixel_stride = c->out_c,
        .row_end = lanes + row_bytes / 4,
        .skip = pitch - row_bytes,
        .pitch = pitch,
        .end = lanes + pitch / 4 * cut->out_rows,
        .x = lanes,
    };
    for (uint32_t part = 1; part < PARTS; part++) {
        job.parts[part - 1] = part_of(c, cut, part) * c->out_w * c->out_c;
    }
    return job;
}

void tml_swar_depthwise_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const cut_t cut = cut_of(c);
    const channel_t *channels = (const channel_t *)(const void *)(context->module + c->aux);
    uint32_t *lanes = (uint32_t *)(void *)(context->arena + c->scratch);
    tml_swar_planes_t job = job_of(c, &cut, lanes);
    pad_columns(c, &cut, lanes);
    for (uint32_t i = 0; i < c->out_c; i++) {
        const int8_t *plane = (const int8_t *)(context->arena + c->input) + i;
        for (uint32_t row = 0; row < cut.rows; row++) {
            pack_row(c, &cut, plane, row, lanes + cut.pitch / 4 * row);
        }
        filter(&job, &channels[i], (int8_t *)(context->arena + c->output) + i);
    }
}

static tml_status_t check_channels(tml_bounds_t *bounds, const tml_conv_t *c) {
    TML_TRY(tml_check_constants(bounds, c->aux, (uint64_t)c->out_c * sizeof(channel_t)));
    const channel_t *channels = (const channel_t *)(const void *)(bounds->module + c->aux);
    for (uint32_t i = 0; i < c->out_c; i++) {
        if (channels[i].factor_bits > 30) {
            return tml_fail(bounds, TML_QUANTISATION, i, 0);
        }
    }
    return tml_check_work(bounds, (uint64_t)c->out_c * 9 * c->out_h * c->out_w);
}

// No position may be left of the first column or above the first row by more than the padding: the image must meet them.
tml_status_t tml_check_swar_depthwise_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, &record->head, &window, spans));
    const bool fits = c->filter_h == 3 && c->filter_w == 3 && c->stride_h == c->stride_w && c->dilation_h == 1 && c->dilation_w == 1;
    if (!fits || c->in_c != c->out_c || c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, c->filter_h, 3);
    }
    const cut_t cut = cut_of(c);
    TML_TRY(tml_check_count(bounds, (uint64_t)cut.rows * cut.columns * 8, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_scratch(bounds, &scratch, cut.rows * cut.pitch, &spans[0], &spans[1]));
    return check_channels(bounds, c);
}
