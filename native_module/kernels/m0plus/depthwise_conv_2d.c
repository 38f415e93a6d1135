// DEPTHWISE_CONV_2D with 3 x 3 filters, as many output as input channels and stride 1 or 2, two products per multiplication
// (kernels/mk/swar_filter.h). Blocks of six output rows, the last of which may overlap the one before; in a block one channel after
// the other: its columns are packed, then filtered. Input, output and scratch must not overlap; at least 3 output rows.
//
// Constants (`aux`): a tml_swar_filter_t per channel. Scratch: positions [columns with padding][9 words], then a row of the input
// of zero points, for rows outside the image. Compiler: host/tinymlaas/variants/swar_depthwise_conv_2d.py.
#include <string.h>

#include "kernels/check/bounds.h"
#include "kernels/mk/swar_filter.h"

#define POSITION_BYTES (4 * TML_SWAR_POSITION_WORDS)

// Columns of positions: how many, and which the image fills, the others being padding.
typedef struct {
    uint32_t n, first, last;
} columns_t;

static columns_t columns_of(const tml_conv_t *c) {
    const uint32_t n = (c->out_w - 1u) * c->stride_w + 3, behind = (uint32_t)c->pad_left + c->in_w;
    return (columns_t) {n, c->pad_left, behind < n ? behind : n};
}

static uint32_t row_bytes(const tml_conv_t *c) {
    return (uint32_t)c->in_w * c->in_c;
}

// What lies outside the image is the same for all channels.
static void fill_padding(const tml_conv_t *c, const columns_t *columns, uint32_t *lanes) {
    const uint32_t fill = (uint32_t)c->in_zero_point * 0x10001;
    for (uint32_t x = 0; x < columns->n; x++) {
        for (uint32_t i = 0; i < TML_SWAR_POSITION_WORDS; i++, lanes++) {
            if (x < columns->first || x >= columns->last) {
                *lanes = fill;
            }
        }
    }
    memset(lanes, c->in_zero_point, row_bytes(c));
}

// The rows under a block that starts at an output row. Rows outside the image lie in the scratch.
static void find_rows(const tml_conv_t *c, const columns_t *columns, uint32_t out_row, int32_t offsets[13]) {
    const int32_t outside = (int32_t)(c->scratch + columns->n * POSITION_BYTES - c->input), stride = c->stride_h;
    int32_t y = (int32_t)out_row * stride - c->pad_top;
    for (int32_t i = 0; i < (stride == 1 ? 8 : 13); i++) {
        // Stride 2: 7 even rows, then 6 odd ones.
        const int32_t row = stride == 1 ? y + i : i < 7 ? y + 2 * i : y + 2 * i - 13;
        offsets[i] = row < 0 || row >= c->in_h ? outside : row * (int32_t)row_bytes(c);
    }
}

// Rows that the output does not have are written where the row three above it goes, before that one.
static void find_parts(const tml_conv_t *c, uint32_t parts[5]) {
    const uint32_t bytes = (uint32_t)c->out_w * c->out_c;
    for (uint32_t row = 0; row < 3; row++) {
        const uint32_t low = row * bytes;
        if (row > 0) {
            parts[2 * row - 1] = low;
        }
        parts[2 * row] = row + 3 < c->out_h ? low + 3 * bytes : low;
    }
}

static void run_block(const tml_context_t *context, const tml_conv_t *c, const tml_swar_columns_t *job, const tml_swar_block_t *block, int8_t *out, uint32_t *lanes) {
    const tml_swar_filter_t *filter = (const tml_swar_filter_t *)(const void *)(context->module + c->aux);
    const int8_t *column = (const int8_t *)(context->arena + c->input);
    for (const int8_t *end = column + c->in_c; column != end; column++, filter++, out++) {
        if (c->stride_h == 1) {
            tml_swar_pack_columns(lanes, column, job);
        } else {
            tml_swar_pack_columns_2(lanes, column, job);
        }
        if (filter->by_pairs != 0) {
            tml_swar_filter_by_pairs(block, filter, out);
        } else {
            tml_swar_filter_by_columns(block, filter, out);
        }
    }
}

void tml_swar_depthwise_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const columns_t columns = columns_of(c);
    uint32_t *lanes = (uint32_t *)(void *)(context->arena + c->scratch);
    const uint32_t step = TML_SWAR_POSITION_WORDS * c->stride_w;
    tml_swar_columns_t job = {.step = c->in_c, .bytes = (columns.last - columns.first) * c->in_c};
    tml_swar_block_t block = {.pixel_stride = c->out_c, .next = 4 * step - 3 * POSITION_BYTES, .end = lanes + c->out_w * step, .x = lanes};
    find_parts(c, block.parts);
    fill_padding(c, &columns, lanes);
    for (uint32_t done = 0; done < c->out_h; done += TML_SWAR_ROWS) {
        const uint32_t last = c->out_h < TML_SWAR_ROWS ? 0 : c->out_h - TML_SWAR_ROWS, row = done < last ? done : last;
        int8_t *out = (int8_t *)(context->arena + c->output) + row * c->out_w * c->out_c;
        find_rows(c, &columns, row, job.offsets);
        run_block(context, c, &job, &block, out, lanes + columns.first * TML_SWAR_POSITION_WORDS);
    }
}

// No position may be left of the first column or above the first row by more than the padding: the image must meet them.
tml_status_t tml_check_swar_depthwise_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, &record->head, &window, spans));
    const bool fits = c->filter_h == 3 && c->filter_w == 3 && c->stride_h <= 2 && c->dilation_h == 1 && c->dilation_w == 1;
    if (!fits || c->in_c != c->out_c || c->out_h < 3 || c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, c->filter_h, 3);
    }
    const uint64_t needed = (uint64_t)columns_of(c).n * POSITION_BYTES + row_bytes(c);
    TML_TRY(tml_check_count(bounds, needed, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_scratch(bounds, &scratch, (uint32_t)needed, &spans[0], &spans[1]));
    TML_TRY(tml_check_constants(bounds, c->aux, (uint64_t)c->out_c * sizeof(tml_swar_filter_t)));
    return tml_check_work(bounds, (uint64_t)c->out_c * 9 * c->out_h * c->out_w);
}
