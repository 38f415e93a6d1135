#include "kernels/check/bounds.h"

// Bytes of an element; 0: not an integer that the kernel knows.
static uint32_t item_bytes(uint32_t dtype) {
    static const uint8_t bytes[] = {0, 1, 1, 2, 4};
    return dtype < sizeof(bytes) ? bytes[dtype] : 0;
}

// In place is fine where both have the same size: each element is read before it is written.
tml_status_t tml_check_quantize(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_quantize_t *p = &record->quantize;
    const uint32_t in_item = item_bytes(p->in_dtype), out_item = item_bytes(p->out_dtype);
    tml_span_t input, output;
    if (in_item == 0 || out_item == 0) {
        return tml_fail(bounds, TML_SHAPE, in_item == 0 ? p->in_dtype : p->out_dtype, TML_DTYPE_INT32);
    }
    TML_TRY(tml_check_items(bounds, p->input, p->count, in_item, &input));
    TML_TRY(tml_check_items(bounds, p->output, p->count, out_item, &output));
    TML_TRY(in_item == out_item ? tml_check_elementwise(bounds, &input, &output) : tml_check_disjoint(bounds, &input, &output));
    TML_TRY(tml_check_multiplier(bounds, p->multiplier, p->shift, -31, 30, 0));
    return tml_check_work(bounds, p->count);
}
