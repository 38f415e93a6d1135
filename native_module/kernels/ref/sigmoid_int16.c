// SIGMOID_INT16: LOGISTIC or TANH of int16. Output may be the input: each element is read before it is written.
#include "kernels/ref/sigmoid.h"
#include "tml_fixed.h"
#include "tml_kernels.h"

void tml_ref_sigmoid_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_sigmoid_int16_t *p = &record->sigmoid_int16;
    const uint16_t *table = (const uint16_t *)(const void *)(context->module + p->table);
    const int16_t *input = (const int16_t *)(const void *)(context->arena + p->input);
    int16_t *output = (int16_t *)(void *)(context->arena + p->output);
    const int32_t half = (int32_t)((1u << p->shift) >> 1);
    for (uint32_t i = 0; i < p->count; i++) {
        const int32_t x = (input[i] * p->multiplier + half) >> p->shift;
        output[i] = (int16_t)(p->function == 0 ? tml_sigmoid(table, x) : tml_tanh(table, x));
    }
}
