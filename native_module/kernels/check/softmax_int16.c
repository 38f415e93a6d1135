#include "kernels/check/bounds.h"

#define TABLES_BYTES (2 * 513 * 2)

// In place is fine: each element is read before it is written. As many as there may be in a row have a sum of 32 bits.
tml_status_t tml_check_softmax_int16(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_softmax_int16_t *softmax = &record->softmax_int16;
    TML_TRY(tml_check_count(bounds, softmax->rows, TML_MAX_ELEMENTS));
    TML_TRY(tml_check_count(bounds, softmax->depth, UINT16_MAX));
    const uint64_t count = (uint64_t)softmax->rows * softmax->depth;
    TML_TRY(tml_check_elements(bounds, &record->head, count, sizeof(int16_t)));
    TML_TRY(tml_check_constants(bounds, softmax->tables, TABLES_BYTES));
    TML_TRY(tml_check_multiplier(bounds, softmax->multiplier, softmax->shift, -31, 30, 0));
    return tml_check_work(bounds, count * 2);
}
