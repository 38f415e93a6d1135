// ADD of two tensors of one shape, each with its own quantisation. Output may be either input: elements are read before written.
#include "tml_fixed.h"
#include "tml_kernels.h"

// Headroom in which both inputs are brought to a common scale.
#define LEFT_SHIFT (20)

void tml_ref_add(const tml_context_t *context, const tml_record_t *record) {
    const tml_add_t *add = &record->add;
    const int8_t *input = (const int8_t *)(context->arena + add->input);
    const int8_t *input2 = (const int8_t *)(context->arena + add->input2);
    int8_t *output = (int8_t *)(context->arena + add->output);
    for (uint32_t i = 0; i < add->count; i++) {
        int32_t a = tml_shift_left(input[i] - add->in_zero_point, LEFT_SHIFT);
        int32_t b = tml_shift_left(input2[i] - add->in2_zero_point, LEFT_SHIFT);
        int32_t sum = tml_multiply(a, add->multiplier1, add->shift1) + tml_multiply(b, add->multiplier2, add->shift2);
        int32_t scaled = tml_multiply(sum, add->out_multiplier, add->out_shift);
        output[i] = (int8_t)tml_clamp(scaled + add->out_zero_point, add->act_min, add->act_max);
    }
}
