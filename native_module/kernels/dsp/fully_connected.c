// FULLY_CONNECTED, four rows of weights at a time: the input is expanded to pairs in scratch once. Weights: kernels/dsp/rows.h.
// Input [rows][in_features], output [rows][out_features]; input, output and scratch must not overlap.
#include "kernels/dsp/rows.h"
#include "tml_kernels.h"

// Sizes that follow from the record. Scratch: pairs of a row of the input, then four outputs.
typedef struct {
    uint32_t quads;
    uint32_t groups; // of four output features
} sizes_t;

static sizes_t sizes_of(const tml_fully_connected_t *fc) {
    return (sizes_t) {(fc->in_features + 3) / 4, (fc->out_features + TML_DSP_ROWS - 1) / TML_DSP_ROWS};
}

// n values as pairs; the last quad is filled up with zeros.
static void expand(const int8_t *from, uint32_t n, uint32_t *x) {
    for (; n >= 4; n -= 4, from += 4, x += 2) {
        uint32_t word = tml_load_word(from);
        x[0] = tml_sxtb16(word);
        x[1] = tml_sxtb16_odd(word);
    }
    if (n > 0) {
        uint32_t word = 0;
        memcpy(&word, from, n);
        x[0] = tml_sxtb16(word);
        x[1] = tml_sxtb16_odd(word);
    }
}

// All outputs of a row of the input; a last group of less than four by way of scratch.
static void multiply(const tml_fully_connected_t *fc, const tml_dsp_rows_t *all, int8_t *block, int8_t *output) {
    tml_dsp_rows_t rows = *all;
    const uint32_t rest = fc->out_features % TML_DSP_ROWS, whole = fc->out_features - rest;
    rows.out = output;
    rows.groups = whole / TML_DSP_ROWS;
    if (rows.groups > 0) {
        tml_dsp_rows(&rows);
    }
    if (rest > 0) {
        rows.weights += whole * rows.quads;
        rows.channels += whole;
        rows.out = block;
        rows.groups = 1;
        tml_dsp_rows(&rows);
        memcpy(output + whole, block, rest);
    }
    tml_dsp_clamp(output, fc->out_features, fc->act_min, fc->act_max);
}

void tml_dsp_fully_connected(const tml_context_t *context, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const sizes_t sizes = sizes_of(fc);
    const int8_t *input = (const int8_t *)(context->arena + fc->input);
    int8_t *output = (int8_t *)(context->arena + fc->output);
    uint32_t *x = (uint32_t *)(void *)(context->arena + fc->scratch);
    const tml_dsp_rows_t rows = {
        .x = x,
        .weights = (const uint32_t *)(const void *)(context->module + fc->weights),
        .channels = (const tml_dsp_channel_t *)(const void *)(context->module + fc->aux),
        .quads = sizes.quads,
    };
    for (uint32_t row = 0; row < fc->rows; row++, input += fc->in_features, output += fc->out_features) {
        expand(input, fc->in_features, x);
        multiply(fc, &rows, (int8_t *)(x + 2 * sizes.quads), output);
    }
}

tml_status_t tml_check_dsp_fully_connected(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const tml_span_t scratch = {fc->scratch, fc->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_count(bounds, fc->rows, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, fc->in_features, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, fc->out_features, TML_MAX_ELEMENTS / 16));
    const sizes_t sizes = sizes_of(fc);
    TML_TRY(tml_check_arena(bounds, fc->input, (uint64_t)fc->rows * fc->in_features, &spans[0]));
    TML_TRY(tml_check_arena(bounds, fc->output, (uint64_t)fc->rows * fc->out_features, &spans[1]));
    TML_TRY(tml_check_disjoint(bounds, &spans[0], &spans[1]));
    TML_TRY(tml_check_dsp_scratch(bounds, &scratch, 8 * (uint64_t)sizes.quads + TML_DSP_ROWS, spans));
    const uint64_t weights_bytes = (uint64_t)sizes.quads * 4 * TML_DSP_ROWS * sizes.groups;
    TML_TRY(tml_check_constants(bounds, fc->weights, weights_bytes));
    TML_TRY(tml_check_dsp_channels(bounds, fc->aux, fc->aux_bytes, TML_DSP_ROWS * sizes.groups));
    TML_TRY(tml_check_activation(bounds, fc->act_min, fc->act_max));
    return tml_check_work(bounds, (weights_bytes + fc->in_features) * fc->rows);
}
