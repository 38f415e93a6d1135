// POOL_INT16: largest or mean of the taps inside the input, halves rounded away from zero. Input and output share one quantisation.
#include "kernels/ref/pool.h"
#include "kernels/ref/taps_int16.h"
#include "tml_fixed.h"

static int32_t pooled(const tml_pool_t *p, const tml_pool_window_t *w, const int16_t *first) {
    const uint32_t counts[2] = {w->rows, w->columns}, strides[2] = {w->row_stride, w->column_stride};
    const int32_t result = tml_taps_int16(first, counts, strides, p->function == 0), count = (int32_t)(w->rows * w->columns);
    if (p->function == 0) {
        return result;
    }
    return (result + (result > 0 ? count / 2 : -(count / 2))) / count;
}

void tml_ref_pool_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    int16_t *output = (int16_t *)(void *)(context->arena + p->output);
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++) {
            // As if elements had one byte: how far in is as many elements.
            const int8_t *input = (const int8_t *)(context->arena + p->input);
            const tml_pool_window_t window = tml_pool_window(p, input, y, x);
            const int16_t *first = (const int16_t *)(const void *)input + (window.first - input);
            for (uint32_t channel = 0; channel < p->out_c; channel++) {
                *output++ = (int16_t)tml_clamp(pooled(p, &window, first + channel), p->wide_min, p->wide_max);
            }
        }
    }
}
