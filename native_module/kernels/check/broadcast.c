#include "kernels/check/broadcast.h"

// An operand with all elements may be the output: each is read before it is written. One that is smaller is read again. No product
// is larger than that of all dimensions, which has been checked.
static tml_status_t check_operand(const tml_bounds_t *bounds, const tml_binary_t *p, uint32_t item, unsigned number, const tml_span_t *output) {
    const uint32_t offset = number == 0 ? p->input : p->input2, broadcast = number == 0 ? p->broadcast1 : p->broadcast2;
    uint32_t count = 1;
    tml_span_t span;
    for (unsigned d = 0; d < 4; d++) {
        count *= (broadcast >> d & 1) != 0 ? 1 : p->shape[d];
    }
    if ((p->constants >> number & 1) != 0) {
        return tml_check_constants(bounds, offset, count * item);
    }
    TML_TRY(tml_check_items(bounds, offset, count, item, &span));
    return span.bytes == output->bytes ? tml_check_elementwise(bounds, &span, output) : tml_check_disjoint(bounds, &span, output);
}

// Left shifts only where the kernel multiplies numbers of 17 bits at most: sums of scaled inputs have no room for them.
static tml_status_t check_multipliers(const tml_bounds_t *bounds, const tml_binary_t *p) {
    const bool prelu = p->function == TML_BINARY_PRELU;
    TML_TRY(tml_check_multiplier(bounds, p->multiplier1, p->shift1, -31, prelu ? 30 : 0, 0));
    TML_TRY(tml_check_multiplier(bounds, p->multiplier2, p->shift2, -31, 0, 1));
    // A divisor and what it divides are shifted left by 22 bits at least: no more may be taken back.
    return tml_check_multiplier(bounds, p->out_multiplier, p->out_shift, -31, p->function == TML_BINARY_DIV ? 22 : 30, 2);
}

tml_status_t tml_check_broadcast(tml_bounds_t *bounds, const tml_binary_t *p, uint32_t item, uint32_t functions) {
    uint64_t count = 1;
    tml_span_t output;
    for (unsigned d = 0; d < 4; d++) {
        TML_TRY(tml_check_count(bounds, p->shape[d], TML_MAX_ELEMENTS));
        count *= p->shape[d];
        TML_TRY(tml_check_count(bounds, count, TML_MAX_ELEMENTS));
    }
    if (p->function >= functions) {
        return tml_fail(bounds, TML_SHAPE, p->function, functions - 1);
    }
    TML_TRY(tml_check_items(bounds, p->output, count, item, &output));
    TML_TRY(check_operand(bounds, p, item, 0, &output));
    TML_TRY(check_operand(bounds, p, item, 1, &output));
    TML_TRY(check_multipliers(bounds, p));
    TML_TRY(tml_check_activation(bounds, p->act_min, p->act_max));
    return tml_check_work(bounds, count);
}
