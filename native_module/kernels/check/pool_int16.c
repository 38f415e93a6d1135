#include "kernels/check/pool.h"

tml_status_t tml_check_pool_int16(tml_bounds_t *bounds, const tml_record_t *record) {
    return tml_check_pool(bounds, &record->pool, sizeof(int16_t));
}
