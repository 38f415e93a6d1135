#include "kernels/check/reduction.h"

tml_status_t tml_check_reduction(tml_bounds_t *bounds, const tml_reduce_t *p, uint32_t item, uint32_t functions) {
    uint64_t last = 0, steps = 1;
    tml_span_t input, output;
    for (unsigned d = 0; d < 4; d++) {
        TML_TRY(tml_check_count(bounds, p->count[d], TML_MAX_ELEMENTS));
        last += (uint64_t)(p->count[d] - 1) * p->stride[d];
        steps *= p->count[d];
        if (steps > TML_MAX_WORK || last > TML_MAX_ELEMENTS) {
            return tml_fail(bounds, TML_SHAPE, p->count[d], TML_MAX_ELEMENTS);
        }
    }
    // Each element is read once: else a small module could ask for endless work.
    TML_TRY(tml_check_count(bounds, steps, (uint32_t)last + 1));
    if (p->function >= functions) {
        return tml_fail(bounds, TML_SHAPE, p->function, functions - 1);
    }
    TML_TRY(tml_check_items(bounds, p->input, last + 1, item, &input));
    const uint32_t out_item = p->function >= TML_REDUCE_ARG_MAX ? sizeof(int32_t) : item;
    TML_TRY(tml_check_items(bounds, p->output, (uint64_t)p->count[0] * p->count[1], out_item, &output));
    TML_TRY(tml_check_disjoint(bounds, &input, &output));
    // A multiplier that divides by the number of elements may be below 2^30.
    if (p->multiplier < 0 || p->shift < -31 || p->shift > 30) {
        return tml_fail(bounds, TML_QUANTISATION, 0, 0);
    }
    return tml_check_work(bounds, steps);
}
