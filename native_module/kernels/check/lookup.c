#include "kernels/check/bounds.h"

#define TABLE_BYTES (256)

// In place is fine: each element is read before it is written.
tml_status_t tml_check_lookup(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_lookup_t *lookup = &record->lookup;
    TML_TRY(tml_check_elements(bounds, &record->head, lookup->count, 1));
    TML_TRY(tml_check_constants(bounds, lookup->table, TABLE_BYTES));
    return tml_check_work(bounds, lookup->count);
}
