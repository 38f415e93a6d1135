// Convolutions and fully-connected layers of int16 with weights of int8. Input [in_h][in_w][in_c], weights
// [out_c][filter_h][filter_w][filter_c], output [out_h][out_w][out_c]; a depthwise layer has as many groups as channels.
// Source: TFLite's integer_ops/conv.h, and MultiplyByQuantizedMultiplier of int64_t.
#include "tml_fixed.h"
#include "tml_kernels.h"

// Of the window whose first tap is at row y, column x; input: the first channel of the filter's group.
static uint64_t sum_window(const tml_conv_int16_t *c, const int16_t *input, const int8_t *weights, int32_t y, int32_t x) {
    uint64_t sum = 0;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        int32_t column = x;
        for (uint32_t fx = 0; fx < c->filter_w; fx++, column += c->dilation_w, weights += c->filter_c) {
            if ((uint32_t)y < c->in_h && (uint32_t)column < c->in_w) {
                const int16_t *pixel = input + ((uint32_t)y * c->in_w + (uint32_t)column) * c->in_c;
                for (uint32_t i = 0; i < c->filter_c; i++) {
                    sum += (uint64_t)(int64_t)(pixel[i] * weights[i]);
                }
            }
        }
    }
    return sum;
}

static int32_t scaled(uint64_t sum, const tml_wide_channel_t *channel, bool narrow) {
    const uint64_t bias = (uint64_t)(uint32_t)channel->bias_high << 32 | channel->bias_low;
    sum += bias;
    if (narrow) {
        return tml_multiply((int32_t)sum, channel->multiplier, channel->shift);
    }
    const int64_t product = (int64_t)(sum * (uint32_t)(channel->multiplier >> 16));
    return (int32_t)(((product >> (14 - channel->shift)) + 1) >> 1);
}

// All channels of a pixel.
static void pixel(const tml_context_t *context, const tml_conv_int16_t *c, uint32_t out_y, uint32_t out_x, int16_t *output) {
    const int8_t *weights = (const int8_t *)(context->module + c->weights);
    const tml_wide_channel_t *channel = (const tml_wide_channel_t *)(const void *)(context->module + c->channels);
    const int16_t *input = (const int16_t *)(const void *)(context->arena + c->input), *end = input + c->in_c;
    const uint32_t patch = (uint32_t)c->filter_h * c->filter_w * c->filter_c, filters = c->out_c / (c->in_c / c->filter_c);
    const int32_t y = (int32_t)(out_y * c->stride_h) - c->pad_top, x = (int32_t)(out_x * c->stride_w) - c->pad_left;
    for (; input < end; input += c->filter_c) {
        for (uint32_t i = 0; i < filters; i++, weights += patch, channel++) {
            const uint64_t sum = sum_window(c, input, weights, y, x);
            *output++ = (int16_t)tml_clamp(scaled(sum, channel, c->sum_bytes == sizeof(int32_t)), c->act_min, c->act_max);
        }
    }
}

void tml_ref_conv_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_int16_t *c = &record->conv_int16;
    int16_t *output = (int16_t *)(void *)(context->arena + c->output);
    for (uint32_t y = 0; y < c->out_h; y++) {
        for (uint32_t x = 0; x < c->out_w; x++, output += c->out_c) {
            pixel(context, c, y, x, output);
        }
    }
}
