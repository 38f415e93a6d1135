// MAX_POOL_2D: largest of the taps inside the input. Input and output share one quantisation.
#include "kernels/ref/pool.h"
#include "tml_fixed.h"

static int32_t maximum(const tml_pool_window_t *w, uint32_t channel) {
    const int8_t *row = w->first + channel;
    int32_t highest = INT8_MIN;
    for (uint32_t y = 0; y < w->rows; y++, row += w->row_stride) {
        for (uint32_t x = 0; x < w->columns; x++) {
            int32_t value = row[x * w->column_stride];
            highest = value > highest ? value : highest;
        }
    }
    return highest;
}

void tml_ref_max_pool_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    int8_t *output = (int8_t *)(context->arena + p->output);
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++) {
            tml_pool_window_t window = tml_pool_window(p, (const int8_t *)(context->arena + p->input), y, x);
            for (uint32_t channel = 0; channel < p->out_c; channel++) {
                *output++ = (int8_t)tml_clamp(maximum(&window, channel), p->act_min, p->act_max);
            }
        }
    }
}
