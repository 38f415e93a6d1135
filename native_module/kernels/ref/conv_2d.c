// CONV_2D as plainly as it can be said. Input [in_h][in_w][in_c], weights [out_c][filter_h][filter_w][in_c], output
// [out_h][out_w][out_c]. Padding reads as the input zero point, because the bias holds minus the zero point times all weights.
#include "tml_fixed.h"
#include "tml_kernels.h"

// Input pixel under a tap, or NULL for padding.
static const int8_t *tap(const int8_t *input, const tml_conv_t *c, int32_t y, int32_t x) {
    if (y < 0 || y >= c->in_h || x < 0 || x >= c->in_w) {
        return NULL;
    }
    return input + ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c;
}

static uint32_t sum_tap(const tml_conv_t *c, const int8_t *pixel, const int8_t *weights) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < c->in_c; i++) {
        sum += (uint32_t)((pixel != NULL ? pixel[i] : c->in_zero_point) * weights[i]);
    }
    return sum;
}

static uint32_t sum_window(const tml_conv_t *c, const int8_t *input, const int8_t *weights, uint32_t out_y, uint32_t out_x) {
    uint32_t sum = 0;
    for (uint32_t fy = 0; fy < c->filter_h; fy++) {
        for (uint32_t fx = 0; fx < c->filter_w; fx++, weights += c->in_c) {
            int32_t y = (int32_t)(out_y * c->stride_h + fy * c->dilation_h) - c->pad_top;
            int32_t x = (int32_t)(out_x * c->stride_w + fx * c->dilation_w) - c->pad_left;
            sum += sum_tap(c, tap(input, c, y, x), weights);
        }
    }
    return sum;
}

void tml_ref_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const int8_t *input = (const int8_t *)(context->arena + c->input);
    const int8_t *weights = (const int8_t *)(context->module + c->weights);
    const tml_channel_t *channels = (const tml_channel_t *)(const void *)(context->module + c->channels);
    const uint32_t filter_bytes = (uint32_t)c->filter_h * c->filter_w * c->in_c;
    int8_t *output = (int8_t *)(context->arena + c->output);
    for (uint32_t y = 0; y < c->out_h; y++) {
        for (uint32_t x = 0; x < c->out_w; x++) {
            for (uint32_t oc = 0; oc < c->out_c; oc++) {
                uint32_t acc = (uint32_t)channels[oc].bias + sum_window(c, input, weights + oc * filter_bytes, y, x);
                *output++ = tml_requantise((int32_t)acc, &channels[oc], c->out_zero_point, c->act_min, c->act_max);
            }
        }
    }
}
