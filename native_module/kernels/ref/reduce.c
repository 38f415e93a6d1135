// REDUCE: sum, mean, maximum or minimum over up to two dimensions. A mean is a sum whose multiplier divides.
// Source: TFLite's reference reduce.h (QuantizedMeanOrSum, ReduceGeneric).
#include "tml_fixed.h"
#include "tml_kernels.h"

static int32_t reduced(const tml_reduce_t *p, const int8_t *input) {
    int32_t result = p->function == TML_REDUCE_SUM ? p->bias : *input;
    for (uint32_t i = 0; i < p->count[2]; i++, input += p->stride[2]) {
        const int8_t *x = input;
        for (uint32_t j = 0; j < p->count[3]; j++, x += p->stride[3]) {
            if (p->function == TML_REDUCE_SUM) {
                result = tml_add_wrap(result, *x);
            } else if (p->function == TML_REDUCE_MAX ? *x > result : *x < result) {
                result = *x;
            }
        }
    }
    return result;
}

void tml_ref_reduce(const tml_context_t *context, const tml_record_t *record) {
    const tml_reduce_t *p = &record->reduce;
    const int8_t *input = (const int8_t *)(context->arena + p->input);
    int8_t *output = (int8_t *)(context->arena + p->output);
    for (uint32_t i = 0; i < p->count[0]; i++, input += p->stride[0]) {
        for (uint32_t j = 0; j < p->count[1]; j++) {
            int32_t result = reduced(p, input + j * p->stride[1]);
            if (p->function == TML_REDUCE_SUM) {
                result = tml_add_wrap(tml_multiply(result, p->multiplier, p->shift), p->out_zero_point);
            }
            *output++ = (int8_t)tml_clamp(result, INT8_MIN, INT8_MAX);
        }
    }
}
