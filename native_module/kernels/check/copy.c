#include "kernels/check/bounds.h"

tml_status_t tml_check_copy(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_copy_t *copy = &record->copy;
    tml_span_t input, output;
    TML_TRY(tml_check_arena(bounds, copy->input, copy->count, &input));
    TML_TRY(tml_check_arena(bounds, copy->output, copy->count, &output));
    TML_TRY(tml_check_elementwise(bounds, &input, &output));
    return tml_check_work(bounds, copy->count);
}
