// FULLY_CONNECTED, two products per multiplication (kernels/mk/swar_rows.h). A block of rows of the output at a time, whose sums
// lie in scratch: first all products, then what was taken off weights so that their windows hold, then the output bytes.
// Input [rows][in_features], output [rows][out_features]; input, output and scratch must not overlap.
//
// Constants. `weights`: per block and chunk of the input what tml_swar_rows takes, all rounded up: inputs to two, rows to four.
// `channels`: per row, rounded up to four, what its sum starts at. `aux`: a layer_t, tml_swar_scale_t for each row or one for all,
// the rest, a byte per window. Scratch: sums of a block of rows, then a chunk of the input as tml_swar_rows takes it.
// Compiler: host/tinymlaas/variants/swar_fully_connected.py.
#include <string.h>

#include "kernels/check/bounds.h"
#include "kernels/mk/swar.h"
#include "kernels/mk/swar_rows.h"

#define BLOCK_ROWS (128)
#define CHUNK_ENDS (0x80) // flag of a window
#define WINDOW_STEPS(window) ((window) & 0x7fu)

typedef struct {
    uint32_t scales;
    uint32_t rest; // entries: bits 0-15 input, 16-23 weight, 24-31 rows since the entry before
    uint32_t windows;
} layer_t;

// An input row and the constants for it. `rest` and `weights` move on from block to block.
typedef struct {
    const tml_fully_connected_t *fc;
    const int8_t *input;
    const uint32_t *weights;
    const uint32_t *rest, *rest_end;
    uint32_t rest_row; // of the entry before
    const uint8_t *windows, *windows_end;
    const tml_swar_scale_t *scales;
    bool one_scale; // for all rows
    uint32_t *x; // lanes of a chunk of the input
    bool expanded; // x holds the whole input
} row_t;

static uint32_t block_rows(const tml_fully_connected_t *fc, uint32_t first) {
    const uint32_t left = fc->out_features - first;
    return left < BLOCK_ROWS ? left : BLOCK_ROWS;
}

static uint32_t round_up_4(uint32_t n) {
    return (n + 3) & ~UINT32_C(3);
}

static row_t row_of(const tml_context_t *context, const tml_fully_connected_t *fc, const int8_t *input) {
    const layer_t *layer = (const layer_t *)(const void *)(context->module + fc->aux);
    const tml_swar_scale_t *scales = (const tml_swar_scale_t *)(const void *)(layer + 1);
    const uint32_t *rest = (const uint32_t *)(const void *)(scales + layer->scales), *rest_end = rest + layer->rest;
    const uint8_t *windows = (const uint8_t *)rest_end;
    row_t row = {
        .fc = fc,
        .input = input,
        .weights = (const uint32_t *)(const void *)(context->module + fc->weights),
        .rest = rest,
        .rest_end = rest_end,
        .windows = windows,
        .windows_end = windows + layer->windows,
        .scales = scales,
        .one_scale = layer->scales == 1,
        .x = (uint32_t *)(void *)(context->arena + fc->scratch) + round_up_4(block_rows(fc, 0)),
    };
    return row;
}

// A window: control word, correction, p and q of each two inputs. The last input may have no other.
static uint32_t *expand_window(uint32_t *x, const int8_t *from, uint32_t steps, bool odd) {
    uint32_t sum = 0;
    x[0] = TML_SWAR_WINDOW(steps);
    if (odd) {
        const int8_t last[2] = {from[2 * --steps], 0};
        sum = tml_swar_expand(x + 2 + 2 * steps, last, 1);
    }
    if (steps > 0) {
        sum += tml_swar_expand(x + 2, from, steps);
    }
    x[1] = 0x8000 - (sum << 7);
    return x + 2 + 2 * (steps + odd);
}

// The next chunk of the input. Moves `input`; returns the window behind the chunk.
static const uint8_t *expand_chunk(const row_t *row, const uint8_t *window, const int8_t **input) {
    const int8_t *end = row->input + row->fc->in_features;
    uint32_t *x = row->x;
    uint8_t flags;
    do {
        flags = *window++;
        const uint32_t steps = WINDOW_STEPS(flags);
        x = expand_window(x, *input, steps, *input + 2 * steps > end);
        *input += 2 * steps;
    } while ((flags & CHUNK_ENDS) == 0);
    x[0] = TML_SWAR_NO_WINDOW;
    x[1] = 0;
    return window;
}

static void add_products(row_t *row, uint32_t *sums, uint32_t n) {
    const int8_t *input = row->input;
    const uint8_t *window = row->windows;
    while (window != row->windows_end) {
        const uint8_t *begin = window;
        window = row->expanded ? row->windows_end : expand_chunk(row, window, &input);
        row->expanded = begin == row->windows && window == row->windows_end;
        const tml_swar_rows_t job = {row->x, row->weights, sums, sums + n};
        row->weights = tml_swar_rows(&job);
    }
}

// What a row lost so that its windows hold.
static void add_rest(row_t *row, uint32_t *sums, uint32_t first, uint32_t end) {
    while (row->rest < row->rest_end) {
        const uint32_t entry = *row->rest, at = row->rest_row + (entry >> 24);
        if (at >= end) {
            return;
        }
        sums[at - first] += (uint32_t)((int8_t)(entry >> 16) * row->input[entry & 0xffff]);
        row->rest_row = at;
        row->rest++;
    }
}

static void scale(const row_t *row, const uint32_t *sums, uint32_t first, uint32_t n, int8_t *output) {
    if (row->one_scale) {
        tml_swar_scale_rows(sums, output, n, row->scales);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        tml_swar_scale_rows(sums + i, output + i, 1, row->scales + first + i);
    }
}

static void multiply_row(row_t *row, const uint32_t *starts, uint32_t *sums, int8_t *output) {
    const uint32_t rows = row->fc->out_features;
    for (uint32_t first = 0; first < rows; first += BLOCK_ROWS) {
        const uint32_t n = block_rows(row->fc, first);
        memcpy(sums, starts + first, 4 * n);
        add_products(row, sums, round_up_4(n));
        add_rest(row, sums, first, first + n);
        scale(row, sums, first, n, output + first);
    }
}

void tml_swar_fully_connected(const tml_context_t *context, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const int8_t *input = (const int8_t *)(context->arena + fc->input);
    int8_t *output = (int8_t *)(context->arena + fc->output);
    uint32_t *sums = (uint32_t *)(void *)(context->arena + fc->scratch);
    for (uint32_t i = 0; i < fc->rows; i++, input += fc->in_features, output += fc->out_features) {
        row_t row = row_of(context, fc, input);
        multiply_row(&row, (const uint32_t *)(const void *)(context->module + fc->channels), sums, output);
    }
}

// Windows cover the input once and end in the end of a chunk; `most` becomes the bytes of the largest chunk in scratch.
static tml_status_t check_windows(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, const uint8_t *window, uint32_t n, uint32_t *most) {
    const uint32_t all = (fc->in_features + 1) / 2;
    uint32_t steps = 0, bytes = 8;
    bool ends = false;
    for (const uint8_t *end = window + n; window < end; window++) {
        const uint32_t length = WINDOW_STEPS(*window);
        ends = (*window & CHUNK_ENDS) != 0;
        if (length == 0 || length > TML_SWAR_STEPS || length > all - steps) {
            return tml_fail(bounds, TML_CONSTANTS, length, all - steps);
        }
        steps += length;
        bytes += 8 + 8 * length;
        *most = bytes > *most ? bytes : *most;
        bytes = ends ? 8 : bytes;
    }
    return steps != all || !ends ? tml_fail(bounds, TML_CONSTANTS, steps, all) : TML_OK;
}

static tml_status_t check_rest(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, const uint32_t *entry, uint32_t n) {
    uint32_t row = 0;
    for (const uint32_t *end = entry + n; entry < end; entry++) {
        row += *entry >> 24;
        if (row >= fc->out_features || (*entry & 0xffff) >= fc->in_features) {
            return tml_fail(bounds, TML_CONSTANTS, row, fc->out_features);
        }
    }
    return TML_OK;
}

static tml_status_t check_scales(const tml_bounds_t *bounds, const tml_swar_scale_t *scales, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (scales[i].factor_bits > 30) {
            return tml_fail(bounds, TML_QUANTISATION, i, 0);
        }
    }
    return TML_OK;
}

// `aux`: its sizes, then what is in it.
static tml_status_t check_layer(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, uint32_t *most) {
    TML_TRY(tml_check_constants(bounds, fc->aux, fc->aux_bytes));
    const layer_t *layer = (const layer_t *)(const void *)(bounds->module + fc->aux);
    if (fc->aux_bytes < sizeof(layer_t) || (layer->scales != 1 && layer->scales != fc->out_features)) {
        return tml_fail(bounds, TML_CONSTANTS, fc->aux_bytes, fc->out_features);
    }
    const uint64_t bytes = sizeof(layer_t) + (uint64_t)layer->scales * sizeof(tml_swar_scale_t) + UINT64_C(4) * layer->rest + layer->windows;
    if (bytes > fc->aux_bytes) {
        return tml_fail(bounds, TML_CONSTANTS, fc->aux_bytes, (uint32_t)bytes);
    }
    const tml_swar_scale_t *scales = (const tml_swar_scale_t *)(const void *)(layer + 1);
    const uint32_t *rest = (const uint32_t *)(const void *)(scales + layer->scales);
    TML_TRY(check_scales(bounds, scales, layer->scales));
    TML_TRY(check_rest(bounds, fc, rest, layer->rest));
    return check_windows(bounds, fc, (const uint8_t *)(rest + layer->rest), layer->windows, most);
}

tml_status_t tml_check_swar_fully_connected(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const tml_span_t scratch = {fc->scratch, fc->scratch_bytes};
    tml_span_t input, output;
    TML_TRY(tml_check_count(bounds, fc->rows, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, fc->in_features, 0x10000));
    TML_TRY(tml_check_count(bounds, fc->out_features, TML_MAX_ELEMENTS / 16));
    TML_TRY(tml_check_arena(bounds, fc->input, (uint64_t)fc->rows * fc->in_features, &input));
    TML_TRY(tml_check_arena(bounds, fc->output, (uint64_t)fc->rows * fc->out_features, &output));
    TML_TRY(tml_check_disjoint(bounds, &input, &output));
    uint32_t chunk_bytes = 0;
    TML_TRY(check_layer(bounds, fc, &chunk_bytes));
    if (fc->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, fc->scratch, 4);
    }
    TML_TRY(tml_check_scratch(bounds, &scratch, 4 * round_up_4(block_rows(fc, 0)) + chunk_bytes, &input, &output));
    const uint64_t rows = round_up_4(fc->out_features), weights_bytes = rows * ((fc->in_features + 1) & ~UINT32_C(1));
    TML_TRY(tml_check_constants(bounds, fc->channels, 4 * rows));
    TML_TRY(tml_check_constants(bounds, fc->weights, weights_bytes));
    return tml_check_work(bounds, (weights_bytes + fc->aux_bytes) * fc->rows);
}
