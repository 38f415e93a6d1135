#include "kernels/check/broadcast.h"

tml_status_t tml_check_binary(tml_bounds_t *bounds, const tml_record_t *record) {
    return tml_check_broadcast(bounds, &record->binary, 1, TML_N_BINARY);
}
