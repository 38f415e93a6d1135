#include "kernels/check/bounds.h"
#include "kernels/scratch.h"

tml_status_t tml_check_depthwise_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *conv = &record->conv;
    if (conv->in_c == 0 || conv->out_c % conv->in_c != 0) {
        return tml_fail(bounds, TML_SHAPE, conv->out_c, conv->in_c);
    }
    if (conv->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, conv->scratch % 4, 0);
    }
    uint64_t weights_bytes = (uint64_t)conv->filter_h * conv->filter_w * conv->out_c;
    return tml_check_conv(bounds, conv, weights_bytes, tml_scratch_depthwise_conv_2d(conv));
}
