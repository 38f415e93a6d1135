// AVERAGE_POOL_2D: mean over the taps inside the input, halves rounded away from zero. Input and output share one quantisation.
#include "kernels/ref/pool.h"
#include "tml_fixed.h"

static int32_t mean(const tml_pool_window_t *w, uint32_t channel) {
    const int8_t *row = w->first + channel;
    int32_t sum = 0, count = (int32_t)(w->rows * w->columns);
    for (uint32_t y = 0; y < w->rows; y++, row += w->row_stride) {
        for (uint32_t x = 0; x < w->columns; x++) {
            sum += row[x * w->column_stride];
        }
    }
    return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

void tml_ref_average_pool_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    int8_t *output = (int8_t *)(context->arena + p->output);
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++) {
            tml_pool_window_t window = tml_pool_window(p, (const int8_t *)(context->arena + p->input), y, x);
            for (uint32_t channel = 0; channel < p->out_c; channel++) {
                *output++ = (int8_t)tml_clamp(mean(&window, channel), p->act_min, p->act_max);
            }
        }
    }
}
