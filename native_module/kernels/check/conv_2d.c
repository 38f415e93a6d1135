#include "kernels/check/bounds.h"
#include "kernels/scratch.h"

tml_status_t tml_check_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *conv = &record->conv;
    uint64_t patch = (uint64_t)conv->filter_h * conv->filter_w * conv->in_c;
    TML_TRY(tml_check_count(bounds, patch, TML_MAX_ELEMENTS));
    return tml_check_conv(bounds, conv, patch * conv->out_c, tml_scratch_conv_2d(conv));
}
