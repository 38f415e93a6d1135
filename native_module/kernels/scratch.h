// How much scratch each kernel needs, in one place: the checks demand it, the host's compiler allocates it
// (host/tinymlaas/ops mirrors these formulas; tests/kernels compares the two).
#ifndef TML_SCRATCH_H
#define TML_SCRATCH_H

#include "tml_format.h"

// A patch of the input, unless the filter is 1 x 1: filter_h * filter_w * in_c bytes. More than 2^32 needs weights of that size,
// which the check refuses before.
static inline uint32_t tml_scratch_conv_2d(const tml_conv_t *conv) {
    uint32_t taps = (uint32_t)conv->filter_h * conv->filter_w;
    return taps == 1 ? 0 : taps * conv->in_c;
}

// All other operators: none.

#endif // TML_SCRATCH_H
