#include "kernels/check/bounds.h"

tml_status_t tml_check_pad(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_pad_t *pad = &record->pad;
    uint64_t in_bytes = 1, out_bytes = 1;
    for (unsigned i = 0; i < 4; i++) {
        in_bytes *= pad->in_shape[i];
        out_bytes *= (uint32_t)pad->before[i] + pad->in_shape[i] + pad->after[i];
        TML_TRY(tml_check_count(bounds, in_bytes, TML_MAX_ELEMENTS));
        TML_TRY(tml_check_count(bounds, out_bytes, TML_MAX_ELEMENTS));
    }
    tml_span_t input, output;
    TML_TRY(tml_check_arena(bounds, pad->input, in_bytes, &input));
    TML_TRY(tml_check_arena(bounds, pad->output, out_bytes, &output));
    TML_TRY(tml_check_disjoint(bounds, &input, &output));
    return tml_check_work(bounds, out_bytes);
}
