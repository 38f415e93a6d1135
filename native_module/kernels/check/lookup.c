#include "kernels/check/bounds.h"

#define TABLE_BYTES (256)

// In place is fine: each element is read before it is written.
tml_status_t tml_check_lookup(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_lookup_t *lookup = &record->lookup;
    tml_span_t input, output;
    TML_TRY(tml_check_arena(bounds, lookup->input, lookup->count, &input));
    TML_TRY(tml_check_arena(bounds, lookup->output, lookup->count, &output));
    TML_TRY(tml_check_elementwise(bounds, &input, &output));
    TML_TRY(tml_check_constants(bounds, lookup->table, TABLE_BYTES));
    return tml_check_work(bounds, lookup->count);
}
