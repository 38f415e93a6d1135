#include "kernels/check/bounds.h"

// So many products of two differences of bytes fit 32 bits.
#define MAX_DEPTH (32768)

static uint64_t matrices(const tml_batch_matmul_t *p, uint32_t broadcast) {
    uint64_t count = 1;
    for (unsigned d = 0; d < 3; d++) {
        count *= (broadcast >> d & 1) != 0 ? 1 : p->batch[d];
    }
    return count;
}

static tml_status_t check_operand(const tml_bounds_t *bounds, uint32_t offset, uint64_t bytes, bool constant, const tml_span_t *output) {
    tml_span_t span;
    if (constant) {
        return tml_check_constants(bounds, offset, bytes);
    }
    TML_TRY(tml_check_arena(bounds, offset, bytes, &span));
    return tml_check_disjoint(bounds, &span, output);
}

tml_status_t tml_check_batch_matmul(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_batch_matmul_t *p = &record->batch_matmul;
    tml_span_t output;
    TML_TRY(tml_check_count(bounds, p->depth, MAX_DEPTH));
    // One factor after the other: the product of all of them would not fit 64 bits.
    const uint32_t sizes[] = {p->batch[0], p->batch[1], p->batch[2], p->rows, p->columns};
    uint64_t count = 1;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        count *= sizes[i];
        TML_TRY(tml_check_count(bounds, count, TML_MAX_ELEMENTS));
    }
    TML_TRY(tml_check_arena(bounds, p->output, count, &output));
    TML_TRY(check_operand(bounds, p->input, matrices(p, p->broadcast1) * p->rows * p->depth, (p->constants & 1) != 0, &output));
    TML_TRY(check_operand(bounds, p->input2, matrices(p, p->broadcast2) * p->depth * p->columns, (p->constants & 2) != 0, &output));
    TML_TRY(tml_check_multiplier(bounds, p->multiplier, p->shift, -31, 30, 0));
    return tml_check_work(bounds, count * p->depth);
}
