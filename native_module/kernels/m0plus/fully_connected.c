// FULLY_CONNECTED, two products per multiplication (kernels/mk/swar_rows.h). A block of rows of the output at a time, whose sums
// lie in scratch: first all products, then what was taken off weights so that their windows hold, then the output bytes.
// Input [rows][in_features], output [rows][out_features]; input, output and scratch must not overlap.
//
// Constants. `weights`: per block and chunk of the input what tml_swar_rows takes, all rounded up: inputs to two, rows to four.
// `channels`: per row, rounded up to four, what its sum starts at. `aux`: a layer_t; a tml_swar_scale_t for all rows, or
// a tml_channel_t for each, whose bias is not used; the rest; a byte per window. Scratch: sums of a block of rows, then a chunk of the input as tml_swar_rows takes it.
// Compiler: host/tinymlaas/variants/swar_fully_connected.py.
#include <string.h>

#include "kernels/check/bounds.h"
#include "kernels/fast/rows.h"
#include "kernels/mk/swar.h"
#include "kernels/mk/swar_rows.h"

#define BLOCK_ROWS (128)

typedef struct {
    uint32_t shared; // not 0: one scale, 0: channels
    uint32_t rest; // words: per block the number of entries, entries of bits 0-15 input, 16-23 weight, 24-31 row of the block
    uint32_t chunks;
    uint32_t windows;
} layer_t;

// An input row and the constants for it. `rest` and `weights` move on from block to block.
typedef struct {
    const tml_fully_connected_t *fc;
    const int8_t *input;
    const uint32_t *weights;
    const uint32_t *rest;
    const uint8_t *windows;
    uint32_t chunks;
    const void *scaling; // tml_swar_scale_t or tml_channel_t
    bool shared; // the former
    uint32_t *x; // lanes of a chunk of the input
} row_t;

static uint32_t block_rows(const tml_fully_connected_t *fc, uint32_t first) {
    const uint32_t left = fc->out_features - first;
    return left < BLOCK_ROWS ? left : BLOCK_ROWS;
}

static uint32_t round_up_4(uint32_t n) {
    return (n + 3) & ~UINT32_C(3);
}

// Bytes between a layer_t and its rest.
static uint64_t scale_bytes(const tml_fully_connected_t *fc, const layer_t *layer) {
    return layer->shared != 0 ? sizeof(tml_swar_scale_t) : (uint64_t)fc->out_features * sizeof(tml_channel_t);
}

static const uint32_t *rest_of(const tml_fully_connected_t *fc, const layer_t *layer) {
    return (const uint32_t *)(const void *)(layer + 1) + scale_bytes(fc, layer) / 4;
}

static row_t row_of(const tml_context_t *context, const tml_fully_connected_t *fc, const int8_t *input) {
    const layer_t *layer = (const layer_t *)(const void *)(context->module + fc->aux);
    row_t row = {
        .fc = fc,
        .input = input,
        .weights = (const uint32_t *)(const void *)(context->module + fc->weights),
        .rest = rest_of(fc, layer),
        .windows = (const uint8_t *)(rest_of(fc, layer) + layer->rest),
        .chunks = layer->chunks,
        .scaling = layer + 1,
        .shared = layer->shared != 0,
        .x = (uint32_t *)(void *)(context->arena + fc->scratch) + round_up_4(block_rows(fc, 0)),
    };
    return row;
}

// A chunk that is the whole input serves all blocks.
static void add_products(row_t *row, uint32_t *sums, uint32_t n, bool first_block) {
    tml_swar_expand_t next = {row->x, row->input, row->windows};
    for (uint32_t i = 0; i < row->chunks; i++) {
        if (first_block || row->chunks > 1) {
            tml_swar_expand(&next);
        }
        const tml_swar_rows_t job = {row->x, row->weights, sums, sums + n};
        row->weights = tml_swar_rows(&job);
    }
}

// What the rows of a block lost so that their windows hold.
static void add_rest(row_t *row, uint32_t *sums) {
    const int8_t *input = row->input;
    const uint32_t *entry = row->rest + 1, *end = entry + *row->rest;
    for (; entry != end; entry++) {
        sums[*entry >> 24] += (uint32_t)((int8_t)(*entry >> 16) * input[*entry & 0xffff]);
    }
    row->rest = end;
}

// Output bytes of n rows, the first of the block being `first`.
static void scale(const row_t *row, const uint32_t *sums, uint32_t first, uint32_t n, int8_t *output) {
    if (row->shared) {
        tml_swar_scale_rows(sums, output, n, row->scaling);
        return;
    }
    const tml_range_t range = TML_RANGE_OF(row->fc);
    const tml_channel_t *channel = (const tml_channel_t *)row->scaling + first;
    for (const uint32_t *end = sums + n; sums != end; sums++, channel++) {
        *output++ = tml_requantise((int32_t)*sums, channel, range.zero_point, range.low, range.high);
    }
}

static void multiply_row(row_t *row, const uint32_t *starts, uint32_t *sums, int8_t *output) {
    const uint32_t rows = row->fc->out_features;
    for (uint32_t first = 0; first < rows; first += BLOCK_ROWS) {
        const uint32_t n = block_rows(row->fc, first);
        memcpy(sums, starts + first, 4 * n);
        add_products(row, sums, round_up_4(n), first == 0);
        add_rest(row, sums);
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

// Windows cover the input once, in as many chunks as there should be. `most`: bytes of the largest chunk in scratch.
static bool windows_are_sound(const tml_fully_connected_t *fc, const layer_t *layer, const uint8_t *window, uint32_t *most) {
    uint32_t left = (fc->in_features + 1) / 2, chunks = 0, bytes = 8;
    for (const uint8_t *end = window + layer->windows; window < end; window++) {
        const uint32_t steps = *window & (TML_SWAR_CHUNK_ENDS - 1);
        if (steps == 0 || steps > TML_SWAR_STEPS || steps > left) {
            return false;
        }
        left -= steps;
        bytes += 8 + 8 * steps;
        *most = bytes > *most ? bytes : *most;
        if ((*window & TML_SWAR_CHUNK_ENDS) != 0) {
            chunks++;
            bytes = 8;
        }
    }
    return left == 0 && bytes == 8 && chunks == layer->chunks;
}

// Words of the rest: of all blocks, each of which has at least a number.
static bool rest_is_sound(const tml_fully_connected_t *fc, const uint32_t *word, const uint32_t *end) {
    for (uint32_t first = 0; first < fc->out_features; first += BLOCK_ROWS) {
        if (word == end || *word >= (uint32_t)(end - word)) {
            return false;
        }
        for (const uint32_t *last = word + *word; word++ < last;) {
            if (*word >> 24 >= block_rows(fc, first) || (*word & 0xffff) >= fc->in_features) {
                return false;
            }
        }
    }
    return word == end;
}

static tml_status_t check_scaling(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, const layer_t *layer) {
    if (layer->shared == 0) {
        return tml_check_channels(bounds, fc->aux + (uint32_t)sizeof(layer_t), fc->out_features);
    }
    const tml_swar_scale_t *scale = (const tml_swar_scale_t *)(const void *)(layer + 1);
    return scale->factor_bits > 30 ? tml_fail(bounds, TML_QUANTISATION, scale->factor_bits, 30) : TML_OK;
}

// `aux`: its sizes, then what is in it.
static tml_status_t check_layer(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, uint32_t *most) {
    TML_TRY(tml_check_constants(bounds, fc->aux, fc->aux_bytes));
    const layer_t *layer = (const layer_t *)(const void *)(bounds->module + fc->aux);
    uint64_t bytes = sizeof(layer_t);
    if (fc->aux_bytes >= bytes) {
        bytes += scale_bytes(fc, layer) + UINT64_C(4) * layer->rest + layer->windows;
    }
    if (bytes > fc->aux_bytes) {
        return tml_fail(bounds, TML_CONSTANTS, fc->aux_bytes, (uint32_t)bytes);
    }
    const uint32_t *rest = rest_of(fc, layer), *rest_end = rest + layer->rest;
    if (!rest_is_sound(fc, rest, rest_end) || !windows_are_sound(fc, layer, (const uint8_t *)rest_end, most)) {
        return tml_fail(bounds, TML_CONSTANTS, fc->aux, fc->aux_bytes);
    }
    return check_scaling(bounds, fc, layer);
}

tml_status_t tml_check_swar_fully_connected(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const tml_span_t scratch = {fc->scratch, fc->scratch_bytes};
    tml_span_t spans[2], input;
    TML_TRY(tml_check_matrix(bounds, fc, spans));
    TML_TRY(tml_check_count(bounds, fc->in_features, 0x10000));
    TML_TRY(tml_check_count(bounds, fc->out_features, TML_MAX_ELEMENTS / 16));
    TML_TRY(tml_check_arena(bounds, fc->input, spans[0].bytes + fc->in_features % 2, &input)); // inputs are read two at a time
    uint32_t chunk_bytes = 0;
    TML_TRY(check_layer(bounds, fc, &chunk_bytes));
    if (fc->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, fc->scratch, 4);
    }
    TML_TRY(tml_check_scratch(bounds, &scratch, 4 * round_up_4(block_rows(fc, 0)) + chunk_bytes, &spans[0], &spans[1]));
    const uint64_t rows = round_up_4(fc->out_features), weights_bytes = rows * ((fc->in_features + 1) & ~UINT32_C(1));
    TML_TRY(tml_check_constants(bounds, fc->channels, 4 * rows));
    TML_TRY(tml_check_constants(bounds, fc->weights, weights_bytes));
    return tml_check_work(bounds, (weights_bytes + fc->aux_bytes) * fc->rows);
}
