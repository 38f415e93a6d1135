#include "kernels/check/reduction.h"

tml_status_t tml_check_reduce_int16(tml_bounds_t *bounds, const tml_record_t *record) {
    return tml_check_reduction(bounds, &record->reduce, sizeof(int16_t), TML_REDUCE_SUM + 1);
}
