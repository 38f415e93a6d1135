#include "kernels/check/bounds.h"

// In place is fine: each element is read before it is written.
tml_status_t tml_check_addition(tml_bounds_t *bounds, const tml_add_t *add) {
    tml_span_t input, input2, output;
    TML_TRY(tml_check_count(bounds, add->count, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_arena(bounds, add->input, add->count, &input));
    TML_TRY(tml_check_arena(bounds, add->input2, add->count, &input2));
    TML_TRY(tml_check_arena(bounds, add->output, add->count, &output));
    TML_TRY(tml_check_elementwise(bounds, &input, &output));
    TML_TRY(tml_check_elementwise(bounds, &input2, &output));
    TML_TRY(tml_check_activation(bounds, add->act_min, add->act_max));
    return tml_check_work(bounds, add->count);
}

tml_status_t tml_check_add(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_add_t *add = &record->add;
    TML_TRY(tml_check_multiplier(bounds, add->multiplier1, add->shift1, -31, 0, 0));
    TML_TRY(tml_check_multiplier(bounds, add->multiplier2, add->shift2, -31, 0, 1));
    TML_TRY(tml_check_multiplier(bounds, add->out_multiplier, add->out_shift, -31, 0, 2));
    return tml_check_addition(bounds, add);
}
