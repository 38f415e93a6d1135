// DEPTHWISE_CONV_2D with 3 x 3 filters, as many output as input channels and strides 1 or 2, two products per multiplication
// (kernels/mk/swar_filter.h). One channel after the other, in blocks of six output rows. Where one or two rows are left over, they
// are filtered with rows and columns swapped; otherwise the last block overlaps the one before. Input, output and scratch must not
// overlap; at least 3 output rows.
//
// Constants (`aux`): a tml_swar_filter_t per channel. Scratch: positions [columns with padding][9 words], a
// tml_swar_rows_of_block_t per block, and zero points, for rows outside the image.
// Compiler: host/tinymlaas/variants/swar_depthwise_conv_2d.py.
#include <string.h>

#include "kernels/check/bounds.h"
#include "kernels/mk/swar_filter.h"

#define POSITION_BYTES (4 * TML_SWAR_POSITION_WORDS)
#define LEAST_ROWS (3) // of a block
#define ROWS_LEFT (2) // at most, to be filtered apart

// One dimension of the image: pixels of input and output, bytes from pixel to pixel. The pad is negative where the first window
// begins inside the image.
typedef struct {
    int32_t in, out, stride, pad;
    uint32_t in_step, out_step;
} axis_t;

// Where things are in scratch, and how many of them.
typedef struct {
    uint32_t rows_left, blocks, zeros, bytes;
} layout_t;

static uint32_t blocks_of(uint32_t rows) {
    return (rows + TML_SWAR_ROWS - 1) / TML_SWAR_ROWS;
}

static layout_t layout_with(const tml_conv_t *c, uint32_t rows_left) {
    const uint32_t blocks = ((c->out_w - 1u) * c->stride_w + 3) * POSITION_BYTES, down = blocks_of(c->out_h), across = blocks_of(c->out_w);
    const uint32_t n = rows_left != 0 && across > down ? across : down, rows = rows_left != 0 ? (rows_left - 1) * c->stride_h + 3 : 1;
    const uint32_t zeros = blocks + n * sizeof(tml_swar_rows_of_block_t);
    return (layout_t) {rows_left, blocks, zeros, zeros + rows * c->in_w * c->in_c};
}

// Rows are filtered apart where there is scratch for that: a record may be cut into slices of any height.
static layout_t layout_of(const tml_conv_t *c) {
    const uint32_t left = c->out_h % TML_SWAR_ROWS;
    if (left <= ROWS_LEFT && c->out_w >= LEAST_ROWS) {
        const layout_t layout = layout_with(c, left);
        if (layout.bytes <= c->scratch_bytes) {
            return layout;
        }
    }
    return layout_with(c, 0);
}

// What becomes of a channel: positions, of which the image fills some, the others being padding.
typedef struct {
    const tml_conv_t *conv;
    uint8_t *scratch;
    layout_t layout;
    axis_t rows, columns;
    int32_t first, last; // position
} run_t;

static void find_blocks(const run_t *run, tml_swar_rows_of_block_t *block, const tml_swar_rows_of_block_t *end) {
    const axis_t *rows = &run->rows;
    const tml_conv_t *c = run->conv;
    const int32_t outside = (int32_t)(c->scratch + run->layout.zeros - c->input - (uint32_t)(run->first - run->columns.pad) * run->columns.in_step);
    for (int32_t row = 0; block != end; block++, row += TML_SWAR_ROWS) {
        const int32_t last = rows->out - TML_SWAR_ROWS, begin = row <= last ? row : last > 0 ? last : 0;
        block->step = run->columns.in_step;
        block->bytes = (uint32_t)(run->last - run->first) * run->columns.in_step;
        block->out = (uint32_t)begin * rows->out_step;
        for (int32_t i = 0; i < (rows->stride == 1 ? 8 : 13); i++) {
            // Stride 2: 7 even rows, then 6 odd ones.
            const int32_t y = begin * rows->stride - rows->pad + (rows->stride == 1 ? i : i < 7 ? 2 * i : 2 * i - 13);
            block->offsets[i] = y >= 0 && y < rows->in ? y * (int32_t)rows->in_step : outside;
        }
    }
}

// What lies outside the image is the same for all channels.
static void fill_padding(const run_t *run, uint32_t *lanes) {
    const uint32_t fill = (uint32_t)run->conv->in_zero_point * 0x10001;
    const int32_t n = (run->columns.out - 1) * run->columns.stride + 3;
    for (int32_t x = 0; x < n; x++) {
        for (uint32_t i = 0; i < TML_SWAR_POSITION_WORDS; i++, lanes++) {
            if (x < run->first || x >= run->last) {
                *lanes = fill;
            }
        }
    }
}

// Rows that the output does not have are written where the row three above it goes, before that one.
static void find_parts(const axis_t *rows, uint32_t parts[5]) {
    const uint32_t step = rows->out_step;
    parts[0] = rows->out > 3 ? 3 * step : 0;
    parts[1] = step;
    parts[2] = rows->out > 4 ? 4 * step : step;
    parts[3] = 2 * step;
    parts[4] = rows->out > 5 ? 5 * step : 2 * step;
}

static tml_swar_image_t prepare(run_t *run, uint32_t n_blocks) {
    const axis_t *columns = &run->columns;
    const int32_t n = (columns->out - 1) * columns->stride + 3, behind = columns->pad + columns->in;
    uint32_t *lanes = (uint32_t *)(void *)run->scratch;
    tml_swar_rows_of_block_t *blocks = (tml_swar_rows_of_block_t *)(void *)(run->scratch + run->layout.blocks);
    run->first = columns->pad > 0 ? columns->pad : 0;
    run->last = behind < n ? behind : n;
    find_blocks(run, blocks, blocks + n_blocks);
    fill_padding(run, lanes);
    tml_swar_image_t image = {
        .pixel_stride = columns->out_step,
        .next = (uint32_t)(columns->stride - 3) * POSITION_BYTES,
        .end = lanes + (uint32_t)(columns->out * columns->stride) * TML_SWAR_POSITION_WORDS,
        .x = lanes,
        .pack = run->rows.stride == 1 ? tml_swar_pack_columns : tml_swar_pack_columns_2,
        .lanes = lanes + (uint32_t)run->first * TML_SWAR_POSITION_WORDS,
        .blocks = blocks,
        .blocks_end = blocks + n_blocks,
    };
    find_parts(&run->rows, image.parts);
    return image;
}

// Taps row by row. What fits windows of two in one order fits them in the other; not so windows of three.
static void transpose(const tml_swar_filter_t *filter, tml_swar_filter_t *transposed) {
    const int8_t *from = filter->weights;
    int8_t *to = transposed->weights;
    *transposed = *filter;
    transposed->by_pairs = 1;
    to[1] = from[3], to[3] = from[1];
    to[2] = from[6], to[6] = from[2];
    to[5] = from[7], to[7] = from[5];
}

// Output from a row on, which is 0 unless rows and columns are swapped.
static void filter_channels(const tml_context_t *context, run_t *run, uint32_t row) {
    const tml_conv_t *c = run->conv;
    const tml_swar_image_t image = prepare(run, blocks_of((uint32_t)run->rows.out));
    const tml_swar_filter_t *filter = (const tml_swar_filter_t *)(const void *)(context->module + c->aux), *end = filter + c->out_c;
    tml_swar_channels_t job = {
        .end = end,
        .filter = filter,
        .out = (int8_t *)(context->arena + c->output) + row * run->columns.out_step,
        .column = (const int8_t *)(context->arena + c->input) + (uint32_t)(run->first - run->columns.pad) * run->columns.in_step,
    };
    if (row == 0) {
        tml_swar_filter_channels(&image, &job);
        return;
    }
    for (; filter != end; filter++) {
        tml_swar_filter_t transposed;
        transpose(filter, &transposed);
        job.filter = &transposed;
        job.end = &transposed + 1;
        tml_swar_filter_channels(&image, &job);
    }
}

void tml_swar_depthwise_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const axis_t down = {c->in_h, c->out_h, c->stride_h, c->pad_top, (uint32_t)c->in_w * c->in_c, (uint32_t)c->out_w * c->out_c};
    const axis_t across = {c->in_w, c->out_w, c->stride_w, c->pad_left, c->in_c, c->out_c};
    run_t run = {.conv = c, .scratch = context->arena + c->scratch, .layout = layout_of(c), .rows = down, .columns = across};
    const uint32_t row = c->out_h - run.layout.rows_left;
    memset(run.scratch + run.layout.zeros, c->in_zero_point, run.layout.bytes - run.layout.zeros);
    run.rows.out = (int32_t)row;
    filter_channels(context, &run, 0);
    if (run.layout.rows_left != 0) {
        run.rows = across;
        run.columns = down;
        run.columns.out = (int32_t)run.layout.rows_left;
        run.columns.pad -= (int32_t)row * down.stride;
        filter_channels(context, &run, row);
    }
}

// No position may be left of the first column or above the first row by more than the padding: the image must meet them.
tml_status_t tml_check_swar_depthwise_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, &record->head, &window, spans));
    const bool fits = c->filter_h == 3 && c->filter_w == 3 && c->stride_h <= 2 && c->stride_w <= 2 && c->dilation_h == 1 && c->dilation_w == 1;
    if (!fits || c->in_c != c->out_c || c->out_h < LEAST_ROWS || c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, c->filter_h, 3);
    }
    // Rows of zero points are at most 5; all other scratch is a small multiple of the image's sides.
    TML_TRY(tml_check_count(bounds, (uint64_t)c->in_w * c->in_c, TML_MAX_ELEMENTS / 8));
    TML_TRY(tml_check_scratch(bounds, &scratch, layout_with(c, 0).bytes, &spans[0], &spans[1]));
    TML_TRY(tml_check_constants(bounds, c->aux, (uint64_t)c->out_c * sizeof(tml_swar_filter_t)));
    return tml_check_work(bounds, (uint64_t)c->out_c * 9 * c->out_h * c->out_w);
}
