// FULLY_CONNECTED, four rows of weights per pass over the input. Operands as in kernels/ref/fully_connected.c; input and output
// must not overlap.
#include "kernels/fast/rows.h"
#include "tml_kernels.h"

void tml_fast_fully_connected(const tml_context_t *context, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const tml_range_t range = TML_RANGE_OF(fc);
    const int8_t *input = (const int8_t *)(context->arena + fc->input);
    const int8_t *weights = (const int8_t *)(context->module + fc->weights);
    const tml_channel_t *channels = (const tml_channel_t *)(const void *)(context->module + fc->channels);
    int8_t *output = (int8_t *)(context->arena + fc->output);
    for (uint32_t row = 0; row < fc->rows; row++) {
        tml_rows(input, weights, fc->in_features, channels, fc->out_features, &range, output);
        input += fc->in_features;
        output += fc->out_features;
    }
}
