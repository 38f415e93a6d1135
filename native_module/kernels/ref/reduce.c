// REDUCE: sum, mean, maximum or minimum, or where it is, over up to two dimensions. A mean is a sum whose multiplier divides.
// Source: TFLite's reference reduce.h (QuantizedMeanOrSum, ReduceGeneric), arg_min_max.h.
#include "tml_fixed.h"
#include "tml_kernels.h"

// Of equal elements the first counts.
static int32_t reduced(const tml_reduce_t *p, const int8_t *input) {
    int32_t result = p->function == TML_REDUCE_SUM ? p->bias : *input, place = 0;
    for (uint32_t i = 0; i < p->count[2]; i++, input += p->stride[2]) {
        const int8_t *x = input;
        for (uint32_t j = 0; j < p->count[3]; j++, x += p->stride[3]) {
            if (p->function == TML_REDUCE_SUM) {
                result = tml_add_wrap(result, *x);
            } else if (p->function % 2 != 0 ? *x > result : *x < result) {
                result = *x;
                place = (int32_t)(i * p->count[3] + j);
            }
        }
    }
    return p->function >= TML_REDUCE_ARG_MAX ? place : result;
}

static void store(const tml_reduce_t *p, uint8_t *output, uint32_t i, int32_t result) {
    if (p->function >= TML_REDUCE_ARG_MAX) {
        ((int32_t *)(void *)output)[i] = result;
        return;
    }
    if (p->function == TML_REDUCE_SUM) {
        result = tml_add_wrap(tml_multiply(result, p->multiplier, p->shift), p->out_zero_point);
    }
    output[i] = (uint8_t)tml_clamp(result, INT8_MIN, INT8_MAX);
}

void tml_ref_reduce(const tml_context_t *context, const tml_record_t *record) {
    const tml_reduce_t *p = &record->reduce;
    const int8_t *input = (const int8_t *)(context->arena + p->input);
    for (uint32_t i = 0; i < p->count[0]; i++, input += p->stride[0]) {
        for (uint32_t j = 0; j < p->count[1]; j++) {
            store(p, context->arena + p->output, i * p->count[1] + j, reduced(p, input + j * p->stride[1]));
        }
    }
}
