#include "kernels/check/bounds.h"

#define TABLE_BYTES (512)
#define GATES (4)

// No two of the four share a byte.
static tml_status_t check_operands(const tml_bounds_t *bounds, const tml_lstm_t *p) {
    tml_span_t spans[4];
    TML_TRY(tml_check_arena(bounds, p->input, (uint64_t)p->steps * p->in_features, &spans[0]));
    TML_TRY(tml_check_arena(bounds, p->output, (uint64_t)p->steps * p->units, &spans[1]));
    TML_TRY(tml_check_arena(bounds, p->hidden, p->units, &spans[2]));
    TML_TRY(tml_check_items(bounds, p->cell, p->units, sizeof(int16_t), &spans[3]));
    for (unsigned i = 1; i < 4; i++) {
        for (unsigned j = 0; j < i; j++) {
            TML_TRY(tml_check_disjoint(bounds, &spans[j], &spans[i]));
        }
    }
    return TML_OK;
}

static tml_status_t check_scales(const tml_bounds_t *bounds, const tml_lstm_t *p) {
    TML_TRY(tml_check_scales(bounds, p->scales, 2 * GATES, sizeof(tml_scale_t), 30));
    TML_TRY(tml_check_multiplier(bounds, p->multiplier, p->shift, -31, 30, 2 * GATES));
    // Shifts of the cell state for its products and for tanh, in the kernel.
    if (p->cell_exponent < -24 || p->cell_exponent > 0 || p->clip < 0) {
        return tml_fail(bounds, TML_QUANTISATION, 2 * GATES, 0);
    }
    return TML_OK;
}

tml_status_t tml_check_lstm(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_lstm_t *p = &record->lstm;
    const uint64_t gates = (uint64_t)p->units * GATES, weights_bytes = gates * ((uint64_t)p->in_features + p->units);
    TML_TRY(tml_check_count(bounds, p->steps, UINT16_MAX));
    TML_TRY(tml_check_count(bounds, p->in_features, UINT16_MAX));
    TML_TRY(tml_check_count(bounds, p->units, UINT16_MAX));
    TML_TRY(check_operands(bounds, p));
    TML_TRY(tml_check_constants(bounds, p->weights, weights_bytes));
    TML_TRY(tml_check_constants(bounds, p->bias, gates * 2 * sizeof(int32_t)));
    TML_TRY(tml_check_constants(bounds, p->table, TABLE_BYTES));
    TML_TRY(check_scales(bounds, p));
    return tml_check_work(bounds, weights_bytes * p->steps);
}
