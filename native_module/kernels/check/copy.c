#include "kernels/check/bounds.h"

tml_status_t tml_check_copy(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_copy_t *copy = &record->copy;
    TML_TRY(tml_check_elements(bounds, &record->head, copy->count, 1));
    return tml_check_work(bounds, copy->count);
}
