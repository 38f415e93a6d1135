// QUANTIZE: from one integer type, scale and zero point to another. Output may be the input where elements have the same size.
// Source: TFLite's reference requantize.h.
#include "tml_fixed.h"
#include "tml_kernels.h"

static int32_t load(const uint8_t *data, uint32_t dtype, uint32_t i) {
    switch (dtype) {
        case TML_DTYPE_INT8:
            return (int8_t)data[i];
        case TML_DTYPE_UINT8:
            return data[i];
        case TML_DTYPE_INT16:
            return ((const int16_t *)(const void *)data)[i];
        default:
            return ((const int32_t *)(const void *)data)[i];
    }
}

static void store(uint8_t *data, uint32_t dtype, uint32_t i, int32_t value) {
    switch (dtype) {
        case TML_DTYPE_INT8:
            data[i] = (uint8_t)tml_clamp(value, INT8_MIN, INT8_MAX);
            break;
        case TML_DTYPE_UINT8:
            data[i] = (uint8_t)tml_clamp(value, 0, UINT8_MAX);
            break;
        case TML_DTYPE_INT16:
            ((int16_t *)(void *)data)[i] = (int16_t)tml_clamp(value, INT16_MIN, INT16_MAX);
            break;
        default:
            ((int32_t *)(void *)data)[i] = value;
            break;
    }
}

void tml_ref_quantize(const tml_context_t *context, const tml_record_t *record) {
    const tml_quantize_t *p = &record->quantize;
    for (uint32_t i = 0; i < p->count; i++) {
        const int32_t centred = (int32_t)((uint32_t)load(context->arena + p->input, p->in_dtype, i) - (uint32_t)p->in_zero_point);
        const int32_t scaled = tml_multiply(centred, p->multiplier, p->shift);
        store(context->arena + p->output, p->out_dtype, i, tml_add_wrap(scaled, p->out_zero_point));
    }
}
