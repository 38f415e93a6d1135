// Convolutions and fully-connected layers of int16 with weights of int8. Input [in_h][in_w][in_c], weights
// [out_c][filter_h][filter_w][filter_c], output [out_h][out_w][out_c]; a depthwise layer has as many groups as channels.
// Source: TFLite's integer_ops/conv.h, and MultiplyByQuantizedMultiplier of int64_t.
#include "tml_fixed.h"
#include "tml_kernels.h"

// On its own, else the many variables of the loops round it take its registers. 256 products fit 32 bits; n is not 0.
static __attribute__((noinline)) int64_t dot(const int16_t *a, const int8_t *b, uint32_t n) {
    int64_t sum = 0;
    do {
        int32_t part = 0;
        uint32_t i = n < 256 ? n : 256;
        n -= i;
        do {
            part += *a++ **b++;
        } while (--i != 0);
        sum += part;
    } while (n != 0);
    return sum;
}

// Of the window whose first tap is at row y, column x; input: the first channel of the filter's group.
static uint64_t sum_window(const tml_conv_int16_t *c, const int16_t *input, const int8_t *weights, int32_t y, int32_t x) {
    uint64_t sum = 0;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        int32_t column = x;
        for (uint32_t fx = 0; fx < c->filter_w; fx++, column += c->dilation_w, weights += c->filter_c) {
            if ((uint32_t)y < c->in_h && (uint32_t)column < c->in_w) {
                sum += (uint64_t)dot(input + ((uint32_t)y * c->in_w + (uint32_t)column) * c->in_c, weights, c->filter_c);
            }
        }
    }
    return sum;
}

// x / 2^(right + 1) rounded to nearest, ties up, mod 2^32, for right up to 62. Shifts of 64 bits are calls on some cores.
static int32_t divided(int64_t x, uint32_t right) {
    uint32_t low = (uint32_t)x;
    int32_t high = (int32_t)(x >> 32);
    if (right >= 32) {
        low = (uint32_t)high;
        high >>= 31;
        right -= 32;
    }
    low >>= right;
    return (int32_t)((low >> 1 | (uint32_t)high << (31 - right)) + (low & 1));
}

// Sums of 64 bits: times 15 bits, rounded once. Of 32 bits as tml_multiply, but not worth its code.
static int32_t scaled(const tml_wide_channel_t *channel, uint64_t sum, bool narrow) {
    int32_t factor = channel->multiplier >> 16, more = 0;
    uint32_t right = (uint32_t)(14 - channel->shift);
    sum += (uint64_t)(uint32_t)channel->bias_high << 32 | channel->bias_low;
    if (narrow) {
        sum = (uint64_t)(int64_t)tml_shift_left((int32_t)sum, channel->shift > 0 ? channel->shift : 0);
        factor = channel->multiplier;
        right = 30;
        more = channel->shift < 0 ? -channel->shift : 0;
    }
    return tml_divide_by_power(divided((int64_t)(sum * (uint32_t)factor), right), more);
}

// All channels of a pixel.
static int16_t *pixel(const tml_context_t *context, const tml_conv_int16_t *c, int32_t y, int32_t x, int16_t *output) {
    const int8_t *weights = (const int8_t *)(context->module + c->weights);
    const tml_wide_channel_t *channel = (const tml_wide_channel_t *)(const void *)(context->module + c->channels);
    const int16_t *input = (const int16_t *)(const void *)(context->arena + c->input);
    const uint32_t patch = (uint32_t)c->filter_h * c->filter_w * c->filter_c, filters = c->out_c / (c->in_c / c->filter_c);
    for (uint32_t i = 1; i <= c->out_c; i++, weights += patch, channel++) {
        const int32_t result = scaled(channel, sum_window(c, input, weights, y, x), c->sum_bytes == sizeof(int32_t));
        *output++ = (int16_t)tml_clamp(result, c->act_min, c->act_max);
        input += i % filters == 0 ? c->filter_c : 0;
    }
    return output;
}

void tml_ref_conv_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_int16_t *c = &record->conv_int16;
    int16_t *output = (int16_t *)(void *)(context->arena + c->output);
    for (uint32_t y = 0; y < c->out_h; y++) {
        for (uint32_t x = 0; x < c->out_w; x++) {
            output = pixel(context, c, (int32_t)(y * c->stride_h) - c->pad_top, (int32_t)(x * c->stride_w) - c->pad_left, output);
        }
    }
}
