// REDUCE_INT16: sum or mean over up to two dimensions. A mean is a sum whose multiplier divides.
// Source: TFLite's reference reduce.h (QuantizedMeanOrSum).
#include "kernels/ref/taps_int16.h"
#include "tml_fixed.h"
#include "tml_kernels.h"

void tml_ref_reduce_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_reduce_t *p = &record->reduce;
    const int16_t *input = (const int16_t *)(const void *)(context->arena + p->input);
    int16_t *output = (int16_t *)(void *)(context->arena + p->output);
    for (uint32_t i = 0; i < p->count[0]; i++, input += p->stride[0]) {
        for (uint32_t j = 0; j < p->count[1]; j++) {
            const int32_t sum = tml_taps_int16(input + j * p->stride[1], p->count + 2, p->stride + 2, false);
            *output++ = (int16_t)tml_clamp(tml_multiply(sum, p->multiplier, p->shift), INT16_MIN, INT16_MAX);
        }
    }
}
