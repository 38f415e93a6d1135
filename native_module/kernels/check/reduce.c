#include "kernels/check/reduction.h"

tml_status_t tml_check_reduce(tml_bounds_t *bounds, const tml_record_t *record) {
    return tml_check_reduction(bounds, &record->reduce, 1, TML_N_REDUCE);
}
