// CONV_2D in tiles of four output pixels and four channels. What the filters see of the input at four pixels, their patches, is
// gathered into scratch side by side ([taps * in_c][4]) and used for all output channels. Pixels and channels that fill no tile are
// done one pixel at a time. Operands as in kernels/ref/conv_2d.c; input, output and scratch must not overlap.
#include <string.h>

#include "kernels/fast/requantise.h"
#include "kernels/scratch.h"
#include "tml_kernels.h"

// The operator being run and the output pixel it has come to.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input;
    const int8_t *weights;
    const tml_channel_t *channels;
    uint32_t patch_bytes; // of one pixel
    uint32_t out_y, out_x;
    tml_range_t range;
} run_t;

static inline void next_pixel(run_t *run) {
    if (++run->out_x == run->conv->out_w) {
        run->out_x = 0;
        run->out_y++;
    }
}

// Bytes of one pixel go to every `step`th of its patch.
static inline int8_t *spread(const int8_t *from, uint32_t n, int8_t *patch, uint32_t step) {
    for (; n >= 4; n -= 4, from += 4, patch += 4 * step) {
        patch[0] = from[0];
        patch[step] = from[1];
        patch[2 * step] = from[2];
        patch[3 * step] = from[3];
    }
    for (; n > 0; n--, patch += step) {
        *patch = *from++;
    }
    return patch;
}

static inline int8_t *spread_value(int8_t value, uint32_t n, int8_t *patch, uint32_t step) {
    for (; n > 0; n--, patch += step) {
        *patch = value;
    }
    return patch;
}

// One row of the patch, whose first tap lies over column x of an input row.
static inline int8_t *gather_row(const tml_conv_t *c, const int8_t *row, int32_t x, int8_t *patch, uint32_t step) {
    if (c->dilation_w == 1 && x >= 0 && x + c->filter_w <= c->in_w) {
        return spread(row + (uint32_t)x * c->in_c, (uint32_t)c->filter_w * c->in_c, patch, step);
    }
    for (uint32_t fx = 0; fx < c->filter_w; fx++, x += c->dilation_w) {
        if (x >= 0 && x < c->in_w) {
            patch = spread(row + (uint32_t)x * c->in_c, c->in_c, patch, step);
        } else {
            patch = spread_value(c->in_zero_point, c->in_c, patch, step);
        }
    }
    return patch;
}

// The patch of the pixel the run has come to.
static inline void gather(const run_t *run, int8_t *patch, uint32_t step) {
    const tml_conv_t *c = run->conv;
    int32_t y = (int32_t)(run->out_y * c->stride_h) - c->pad_top, x = (int32_t)(run->out_x * c->stride_w) - c->pad_left;
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h) {
        if (y < 0 || y >= c->in_h) {
            patch = spread_value(c->in_zero_point, (uint32_t)c->filter_w * c->in_c, patch, step);
        } else {
            patch = gather_row(c, run->input + (uint32_t)y * c->in_w * c->in_c, x, patch, step);
        }
    }
}

// Both are used with a step that the compiler knows.
static void gather_beside(const run_t *run, int8_t *patch) {
    gather(run, patch, TML_TILE);
}

static void gather_alone(const run_t *run, int8_t *patch) {
    gather(run, patch, 1);
}

// Four channels of four pixels whose patches lie side by side. Not inlined, as its caller is not: their values
// would need more stack than a kernel may use.
__attribute__((noinline)) static void tile(const run_t *run, const int8_t *patch, uint32_t channel, int8_t *output) {
    const uint32_t n = run->patch_bytes;
    uint32_t sums[TML_TILE * TML_TILE];
    tml_tile(patch, run->weights + channel * n, n, sums);
    for (uint32_t i = 0; i < TML_TILE; i++) {
        tml_requantise_4(sums + TML_TILE * i, run->channels + channel + i, &run->range, output + channel + i, run->conv->out_c);
    }
}

// Channels from `channel` on of one pixel.
static void rest(const run_t *run, const int8_t *patch, uint32_t channel, int8_t *output) {
    const uint32_t n = run->patch_bytes, left = run->conv->out_c - channel;
    tml_rows(patch, run->weights + channel * n, n, run->channels + channel, left, &run->range, output + channel);
}

// One pixel. A patch of one tap is the input itself.
static void one_pixel(run_t *run, int8_t *patch, uint32_t channel, int8_t *output) {
    const tml_conv_t *c = run->conv;
    if (run->patch_bytes == c->in_c) {
        const int8_t *pixel = run->input + (run->out_y * c->stride_h * c->in_w + run->out_x * c->stride_w) * c->in_c;
        rest(run, pixel, channel, output);
    } else {
        gather_alone(run, patch);
        rest(run, patch, channel, output);
    }
    next_pixel(run);
}

// Four pixels. Channels that fill no tile come last, when the patches are no longer needed.
__attribute__((noinline)) static void four_pixels(run_t *run, int8_t *patch, int8_t *output) {
    const uint32_t out_c = run->conv->out_c, tiled = out_c / TML_TILE * TML_TILE;
    const uint32_t out_y = run->out_y, out_x = run->out_x;
    for (uint32_t i = 0; i < TML_TILE; i++, next_pixel(run)) {
        gather_beside(run, patch + i);
    }
    for (uint32_t channel = 0; channel < tiled; channel += TML_TILE) {
        tile(run, patch, channel, output);
    }
    if (tiled < out_c) {
        run->out_y = out_y;
        run->out_x = out_x;
        for (uint32_t i = 0; i < TML_TILE; i++, output += out_c) {
            one_pixel(run, patch, tiled, output);
        }
    }
}

void tml_fast_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    run_t run = {
        .conv = c,
        .input = (const int8_t *)(context->arena + c->input),
        .weights = (const int8_t *)(context->module + c->weights),
        .channels = (const tml_channel_t *)(const void *)(context->module + c->channels),
        .patch_bytes = (uint32_t)c->filter_h * c->filter_w * c->in_c,
        .range = TML_RANGE_OF(c),
    };
    int8_t *patch = (int8_t *)(context->arena + c->scratch), *output = (int8_t *)(context->arena + c->output);
    uint32_t pixels = (uint32_t)c->out_h * c->out_w;
    if (TML_UNROLLS && tml_conv_2d_tiled(c)) {
        for (; pixels >= TML_TILE; pixels -= TML_TILE, output += TML_TILE * c->out_c) {
            four_pixels(&run, patch, output);
        }
    }
    for (; pixels > 0; pixels--, output += c->out_c) {
        one_pixel(&run, patch, 0, output);
    }
}
