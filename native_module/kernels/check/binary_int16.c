#include "kernels/check/broadcast.h"

// Functions from ADD to PRELU; sums of scaled int16 have room for no zero points, and the kernel looks at none.
tml_status_t tml_check_binary_int16(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_binary_t *p = &record->binary;
    TML_TRY(tml_check_activation(bounds, p->wide_min, p->wide_max));
    return tml_check_broadcast(bounds, p, sizeof(int16_t), TML_BINARY_PRELU + 1);
}
