#include "kernels/check/bounds.h"

tml_status_t tml_check_gather(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_gather_t *p = &record->gather;
    tml_span_t input, output;
    TML_TRY(tml_check_count(bounds, p->count, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, p->run, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_constants(bounds, p->offsets, (uint64_t)p->count * sizeof(uint32_t)));
    TML_TRY(tml_check_arena(bounds, p->input, p->in_bytes, &input));
    TML_TRY(tml_check_arena(bounds, p->output, (uint64_t)p->count * p->run, &output));
    TML_TRY(tml_check_disjoint(bounds, &input, &output));
    // The offsets lie inside the file and are aligned.
    const uint32_t *offsets = (const uint32_t *)(const void *)(bounds->module + p->offsets);
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->run > p->in_bytes || offsets[i] > p->in_bytes - p->run) {
            return tml_fail(bounds, TML_SHAPE, offsets[i], p->in_bytes);
        }
    }
    return tml_check_work(bounds, output.bytes);
}
