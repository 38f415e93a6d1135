// FULLY_CONNECTED as plainly as it can be said. Input [rows][in_features], weights [out_features][in_features], output
// [rows][out_features]. The bias holds minus the input zero point times all weights.
#include "tml_fixed.h"
#include "tml_kernels.h"

static uint32_t dot(const int8_t *a, const int8_t *b, uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (uint32_t)(a[i] * b[i]);
    }
    return sum;
}

void tml_ref_fully_connected(const tml_context_t *context, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const int8_t *input = (const int8_t *)(context->arena + fc->input);
    const int8_t *weights = (const int8_t *)(context->module + fc->weights);
    const tml_channel_t *channels = (const tml_channel_t *)(const void *)(context->module + fc->channels);
    int8_t *output = (int8_t *)(context->arena + fc->output);
    for (uint32_t row = 0; row < fc->rows; row++, input += fc->in_features) {
        for (uint32_t i = 0; i < fc->out_features; i++) {
            uint32_t acc = (uint32_t)channels[i].bias + dot(input, weights + i * fc->in_features, fc->in_features);
            *output++ = tml_requantise((int32_t)acc, &channels[i], fc->out_zero_point, fc->act_min, fc->act_max);
        }
    }
}
