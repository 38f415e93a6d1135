// CONV_2D: each output pixel's patch of the input is gathered into scratch (a 1 x 1 filter reads the input itself), then every
// output channel is a dot product over it. Operands as in kernels/ref/conv_2d.c; input, output and scratch must not overlap.
#include <string.h>

#include "kernels/fast/rows.h"
#include "kernels/scratch.h"
#include "tml_kernels.h"

// One row of the patch, whose first tap lies over column x of an input row.
static void gather_row(const tml_conv_t *c, const int8_t *row, int32_t x, int8_t *patch) {
    for (uint32_t fx = 0; fx < c->filter_w; fx++, x += c->dilation_w, patch += c->in_c) {
        if (x >= 0 && x < c->in_w) {
            memcpy(patch, row + (uint32_t)x * c->in_c, c->in_c);
        } else {
            memset(patch, c->in_zero_point, c->in_c);
        }
    }
}

// The patch whose first tap lies over row y and column x.
static void gather(const tml_conv_t *c, const int8_t *input, int32_t y, int32_t x, int8_t *patch) {
    const uint32_t row_bytes = (uint32_t)c->filter_w * c->in_c;
    const bool whole = c->dilation_w == 1 && x >= 0 && x + c->filter_w <= c->in_w;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h, patch += row_bytes) {
        if (y < 0 || y >= c->in_h) {
            memset(patch, c->in_zero_point, row_bytes);
        } else if (whole) {
            memcpy(patch, input + ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c, row_bytes);
        } else {
            gather_row(c, input + (uint32_t)y * c->in_w * c->in_c, x, patch);
        }
    }
}

void tml_fast_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_range_t range = TML_RANGE_OF(c);
    const int8_t *input = (const int8_t *)(context->arena + c->input);
    const int8_t *weights = (const int8_t *)(context->module + c->weights);
    const tml_channel_t *channels = (const tml_channel_t *)(const void *)(context->module + c->channels);
    const uint32_t patch_bytes = (uint32_t)c->filter_h * c->filter_w * c->in_c;
    const bool in_place = tml_scratch_conv_2d(c) == 0;
    int8_t *patch = (int8_t *)(context->arena + c->scratch), *output = (int8_t *)(context->arena + c->output);
    for (uint32_t out_y = 0; out_y < c->out_h; out_y++) {
        for (uint32_t out_x = 0; out_x < c->out_w; out_x++, output += c->out_c) {
            int32_t y = (int32_t)(out_y * c->stride_h) - c->pad_top, x = (int32_t)(out_x * c->stride_w) - c->pad_left;
            const int8_t *pixel = patch;
            if (in_place) {
                pixel = input + ((uint32_t)y * c->in_w + (uint32_t)x) * c->in_c;
            } else {
                gather(c, input, y, x, patch);
            }
            tml_rows(pixel, weights, patch_bytes, channels, c->out_c, &range, output);
        }
    }
}
