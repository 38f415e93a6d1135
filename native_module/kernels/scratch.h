// How much scratch each kernel needs, in one place: the checks demand it, the host's compiler allocates it
// (host/tinymlaas/ops mirrors these formulas; tests/kernels compares the two).
#ifndef TML_SCRATCH_H
#define TML_SCRATCH_H

#include "tml_format.h"

// CONV_2D gathers the input under a window as a patch, unless the filter is 1 x 1: then the input itself is the patch.
// The check has bounded the product.
static inline uint32_t tml_scratch_conv_2d(const tml_conv_t *conv) {
    uint32_t taps = (uint32_t)conv->filter_h * conv->filter_w;
    if (taps == 1) {
        return 0;
    }
    return taps * conv->in_c;
}

// DEPTHWISE_CONV_2D: a 32-bit accumulator per output channel, then two rows of output channels.
static inline uint32_t tml_scratch_depthwise_conv_2d(const tml_conv_t *conv) {
    return 6 * (uint32_t)conv->out_c;
}

// All other operators: none.

#endif // TML_SCRATCH_H
