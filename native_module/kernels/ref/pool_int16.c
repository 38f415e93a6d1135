// POOL_INT16: largest or mean of the taps inside the input, halves rounded away from zero. Input and output share one quantisation.
#include "kernels/ref/pool.h"
#include "tml_fixed.h"

static int32_t pooled(const tml_pool_window_t *w, const int16_t *row, bool average) {
    int32_t sum = 0, highest = INT16_MIN, count = (int32_t)(w->rows * w->columns);
    for (uint32_t y = 0; y < w->rows; y++, row += w->row_stride) {
        for (uint32_t x = 0; x < w->columns; x++) {
            const int32_t value = row[x * w->column_stride];
            sum += value;
            highest = value > highest ? value : highest;
        }
    }
    return !average ? highest : sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

void tml_ref_pool_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    int16_t *output = (int16_t *)(void *)(context->arena + p->output);
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++) {
            // As if elements had one byte: how far in is as many elements.
            const int8_t *input = (const int8_t *)(context->arena + p->input);
            tml_pool_window_t window = tml_pool_window(p, input, y, x);
            const int16_t *first = (const int16_t *)(const void *)input + (window.first - input);
            for (uint32_t channel = 0; channel < p->out_c; channel++) {
                *output++ = (int16_t)tml_clamp(pooled(&window, first + channel, p->function != 0), p->wide_min, p->wide_max);
            }
        }
    }
}
