// As kernels/ref/average_pool_2d.c, with the sums of four channels in two words. Windows of more taps than a half word has room
// for are left to the reference.
#include "kernels/dsp/pool.h"
#include "kernels/mk/dsp.h"
#include "kernels/ref/pool.h"
#include "tml_fixed.h"

#define MAX_TAPS (255)

// Sums of the channels 0 and 2, and 1 and 3.
typedef struct {
    uint32_t even, odd;
} sums_t;

static sums_t sum(const tml_pool_window_t *w, uint32_t channel) {
    const int8_t *row = w->first + channel;
    sums_t s = {0, 0};
    for (uint32_t y = 0; y < w->rows; y++, row += w->row_stride) {
        const int8_t *at = row;
        for (uint32_t x = w->columns; x > 0; x--, at += w->column_stride) {
            uint32_t word = tml_load_word(at);
            s.even = tml_add_sxtb16(s.even, word);
            s.odd = tml_add_sxtb16_odd(s.odd, word);
        }
    }
    return s;
}

static int8_t mean(int32_t sum, int32_t count, const tml_pool_t *p) {
    int32_t rounded = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
    return (int8_t)tml_clamp(rounded, p->act_min, p->act_max);
}

static void average(const tml_pool_t *p, const tml_pool_window_t *window, int8_t *output) {
    const int32_t count = (int32_t)(window->rows * window->columns);
    for (uint32_t channel = 0; channel < p->out_c; channel += 4) {
        const sums_t s = sum(window, channel);
        *output++ = mean((int16_t)s.even, count, p);
        *output++ = mean((int16_t)s.odd, count, p);
        *output++ = mean((int16_t)(s.even >> 16), count, p);
        *output++ = mean((int16_t)(s.odd >> 16), count, p);
    }
}

void tml_dsp_average_pool_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    int8_t *output = (int8_t *)(context->arena + p->output);
    if (p->out_c % 4 != 0 || (uint32_t)p->filter_h * p->filter_w > MAX_TAPS) {
        tml_ref_average_pool_2d(context, record);
        return;
    }
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++, output += p->out_c) {
            const tml_pool_window_t window = tml_pool_window(p, (const int8_t *)(context->arena + p->input), y, x);
            average(p, &window, output);
        }
    }
}
