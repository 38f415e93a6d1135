#include "kernels/check/bounds.h"

// In place is fine where the output is int8: a row is read to its end before its first element is written, and each element just before it is written.
// The sum of exponentials has 12 integer bits: a row of up to 4095 fits.
#define MAX_DEPTH (4095)

// Rows start at 0 (their maximum) and end at diff_min; scaled, they must stay within the 5 integer bits of the exponential's domain.
static bool is_domain_safe(const tml_softmax_t *softmax) {
    const uint32_t lowest = 0 - (uint32_t)softmax->diff_min;
    return softmax->diff_min <= 0 && lowest <= UINT32_C(31) << 26 >> softmax->shift;
}

tml_status_t tml_check_softmax(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_softmax_t *softmax = &record->softmax;
    tml_span_t input, output;
    const uint32_t item = softmax->flags == TML_SOFTMAX_INT16 ? 2 : 1;
    TML_TRY(tml_check_count(bounds, softmax->rows, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, softmax->depth, MAX_DEPTH));
    uint64_t count = (uint64_t)softmax->rows * softmax->depth;
    TML_TRY(tml_check_arena(bounds, softmax->input, count, &input));
    TML_TRY(tml_check_items(bounds, softmax->output, count, item, &output));
    TML_TRY(item == 1 ? tml_check_elementwise(bounds, &input, &output) : tml_check_disjoint(bounds, &input, &output));
    TML_TRY(tml_check_multiplier(bounds, softmax->multiplier, softmax->shift, 0, 31, 0));
    if (!is_domain_safe(softmax)) {
        return tml_fail(bounds, TML_QUANTISATION, 0, 0);
    }
    return tml_check_work(bounds, count * 2);
}
