// The addition of two quantised tensors as a linear function of their bytes: factor a + factor b + offset, whose upper bits are
// the output before it is clamped. The compiler (host/tinymlaas/variants/linear_add.py) proves factors and offset for all 65536 pairs.
#ifndef TML_MK_LINEAR_H
#define TML_MK_LINEAR_H

#include <stdint.h>

#define TML_LINEAR_SHIFT (22) // what is above is the output
#define TML_LINEAR_BIAS (384) // plus this, so that it is never negative

// Order as the assembly reads it.
typedef struct {
    uint32_t range; // of the output
    uint32_t least; // output
    uint32_t offset, factor, factor2;
    const int8_t *input2_end;
    uint32_t n; // at least 1
    int8_t *output_end; // may be the end of an input
    const int8_t *input_end;
} tml_linear_add_t;

static inline void tml_linear_model_add(const tml_linear_add_t *job) {
    for (uint32_t left = job->n; left > 0; left--) {
        const uint32_t sum = (uint32_t)*(job->input_end - left) * job->factor + (uint32_t)*(job->input2_end - left) * job->factor2;
        const uint32_t value = ((sum + job->offset) >> TML_LINEAR_SHIFT) - TML_LINEAR_BIAS;
        const uint32_t clamped = value <= job->range ? value : (value >> 31) != 0 ? 0 : job->range;
        *(job->output_end - left) = (int8_t)(clamped + job->least);
    }
}

#if defined(__thumb__) && !defined(__thumb2__)
void tml_linear_add_bytes(const tml_linear_add_t *job);
#else
#define tml_linear_add_bytes tml_linear_model_add
#endif

#endif // TML_MK_LINEAR_H
