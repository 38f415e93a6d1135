#include "kernels/check/bounds.h"

tml_status_t tml_check_matrix(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, tml_span_t spans[2]) {
    TML_TRY(tml_check_count(bounds, fc->rows, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, fc->in_features, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, fc->out_features, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_arena(bounds, fc->input, (uint64_t)fc->rows * fc->in_features, &spans[0]));
    TML_TRY(tml_check_arena(bounds, fc->output, (uint64_t)fc->rows * fc->out_features, &spans[1]));
    return tml_check_disjoint(bounds, &spans[0], &spans[1]);
}

tml_status_t tml_check_fully_connected(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    const tml_span_t scratch = {fc->scratch, fc->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_matrix(bounds, fc, spans));
    TML_TRY(tml_check_scratch(bounds, &scratch, 0, &spans[0], &spans[1]));
    uint64_t weights_bytes = (uint64_t)fc->out_features * fc->in_features;
    TML_TRY(tml_check_constants(bounds, fc->weights, weights_bytes));
    TML_TRY(tml_check_channels(bounds, fc->channels, fc->out_features));
    TML_TRY(tml_check_activation(bounds, fc->act_min, fc->act_max));
    TML_TRY(tml_check_no_aux(bounds, fc->aux, fc->aux_bytes));
    return tml_check_work(bounds, weights_bytes * fc->rows);
}
