#include "kernels/check/bounds.h"

// The places that strides reach from `start`: from the lowest to the highest.
static tml_status_t reach(const tml_bounds_t *bounds, uint32_t start, const uint32_t count[4], const int32_t stride[4], tml_span_t *span) {
    int64_t low = start, high = start;
    for (unsigned d = 0; d < 4; d++) {
        const int64_t way = (int64_t)(count[d] - 1) * stride[d];
        low += way < 0 ? way : 0;
        high += way > 0 ? way : 0;
    }
    if (low < 0 || high >= (int64_t)TML_MAX_ELEMENTS) {
        return tml_fail(bounds, TML_ARENA, (uint32_t)(low < 0 ? low : high), bounds->arena_bytes);
    }
    span->offset = (uint32_t)low;
    span->bytes = (uint32_t)(high + 1 - low);
    return TML_OK;
}

static tml_status_t check_input(const tml_bounds_t *bounds, const tml_move_t *p, const tml_span_t *output) {
    tml_span_t input;
    TML_TRY(reach(bounds, p->input, p->count, p->in_stride, &input));
    if (!p->constant) {
        TML_TRY(tml_check_arena(bounds, input.offset, input.bytes, &input));
        return tml_check_disjoint(bounds, &input, output);
    }
    if (input.offset < bounds->constants_begin || input.offset + input.bytes > bounds->constants_end) {
        return tml_fail(bounds, TML_CONSTANTS, input.offset + input.bytes, bounds->constants_end);
    }
    return TML_OK;
}

tml_status_t tml_check_move(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_move_t *p = &record->move;
    uint64_t steps = 1;
    tml_span_t output;
    for (unsigned d = 0; d < 4; d++) {
        TML_TRY(tml_check_count(bounds, p->count[d], TML_MAX_ELEMENTS));
        steps *= p->count[d];
        TML_TRY(tml_check_count(bounds, steps, TML_MAX_ELEMENTS));
    }
    TML_TRY(reach(bounds, p->output, p->count, p->out_stride, &output));
    TML_TRY(tml_check_arena(bounds, output.offset, output.bytes, &output));
    // Each place is written once: else a small module could ask for endless work.
    TML_TRY(tml_check_count(bounds, steps, output.bytes));
    TML_TRY(check_input(bounds, p, &output));
    return tml_check_work(bounds, steps);
}
