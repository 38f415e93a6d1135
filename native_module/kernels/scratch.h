// How much scratch each kernel needs, in one place: the checks demand it, the host's compiler allocates it
// (host/tinymlaas/ops mirrors these formulas; tests/kernels compares the two).
#ifndef TML_SCRATCH_H
#define TML_SCRATCH_H

#include <stdbool.h>

#include "tml_format.h"

// CONV_2D gathers what the filters see of the input at four pixels, where that many fill a tile and their patches fit this.
#define TML_CONV_2D_TILE_BYTES (8192)

// Bytes of one patch; the check has bounded the product.
static inline uint32_t tml_conv_2d_patch(const tml_conv_t *conv) {
    return (uint32_t)conv->filter_h * conv->filter_w * conv->in_c;
}

static inline bool tml_conv_2d_tiled(const tml_conv_t *conv) {
    return (uint32_t)conv->out_h * conv->out_w >= 4 && conv->out_c >= 4 && tml_conv_2d_patch(conv) <= TML_CONV_2D_TILE_BYTES / 4;
}

// Else it gathers one patch, unless the filter is 1 x 1: then the input itself is the patch.
static inline uint32_t tml_scratch_conv_2d(const tml_conv_t *conv) {
    uint32_t patch = tml_conv_2d_patch(conv);
    if (tml_conv_2d_tiled(conv)) {
        return 4 * patch;
    }
    return (uint32_t)conv->filter_h * conv->filter_w == 1 ? 0 : patch;
}

// DEPTHWISE_CONV_2D: a 32-bit accumulator per output channel, then two rows of output channels.
static inline uint32_t tml_scratch_depthwise_conv_2d(const tml_conv_t *conv) {
    return 6 * (uint32_t)conv->out_c;
}

// All other operators: none.

#endif // TML_SCRATCH_H
