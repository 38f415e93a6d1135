#include "kernels/check/bounds.h"

#define TABLE_BYTES (512)

// In place is fine: each element is read before it is written.
tml_status_t tml_check_sigmoid_int16(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_sigmoid_int16_t *p = &record->sigmoid_int16;
    TML_TRY(tml_check_elements(bounds, &record->head, p->count, sizeof(int16_t)));
    TML_TRY(tml_check_constants(bounds, p->table, TABLE_BYTES));
    // The product of 31 bits has room for half of the last one that is shifted out.
    if (p->multiplier > INT16_MAX || p->shift > 31) {
        return tml_fail(bounds, TML_QUANTISATION, 0, 0);
    }
    return tml_check_work(bounds, p->count);
}
