#include "kernels/check/bounds.h"

static tml_status_t check_operands(const tml_bounds_t *bounds, const tml_svdf_t *p, uint64_t kept) {
    tml_span_t input, output, state;
    TML_TRY(tml_check_arena(bounds, p->input, p->in_features, &input));
    TML_TRY(tml_check_arena(bounds, p->output, p->units, &output));
    TML_TRY(tml_check_items(bounds, p->state, kept, p->state_item, &state));
    TML_TRY(tml_check_disjoint(bounds, &input, &output));
    TML_TRY(tml_check_disjoint(bounds, &input, &state));
    return tml_check_disjoint(bounds, &output, &state);
}

tml_status_t tml_check_svdf(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_svdf_t *p = &record->svdf;
    const uint64_t filters = (uint64_t)p->units * p->rank;
    if (p->state_item != 1 && p->state_item != 2) {
        return tml_fail(bounds, TML_SHAPE, p->state_item, 2);
    }
    TML_TRY(tml_check_count(bounds, p->in_features, UINT16_MAX));
    TML_TRY(tml_check_count(bounds, p->memory, UINT16_MAX));
    TML_TRY(tml_check_count(bounds, filters, UINT16_MAX));
    TML_TRY(check_operands(bounds, p, filters * p->memory));
    TML_TRY(tml_check_constants(bounds, p->weights, filters * p->in_features));
    TML_TRY(tml_check_constants(bounds, p->time, filters * p->memory * p->state_item));
    TML_TRY(tml_check_constants(bounds, p->bias, (filters + p->units) * sizeof(int32_t)));
    TML_TRY(tml_check_multiplier(bounds, p->state_multiplier, p->state_shift, -31, 30, 0));
    TML_TRY(tml_check_multiplier(bounds, p->multiplier, p->shift, -31, 30, 1));
    return tml_check_work(bounds, filters * ((uint64_t)p->in_features + p->memory));
}
