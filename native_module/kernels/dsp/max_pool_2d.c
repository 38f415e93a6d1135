// As kernels/ref/max_pool_2d.c, four bytes at a time.
#include "kernels/dsp/pool.h"
#include "kernels/dsp/requantise.h"
#include "kernels/ref/pool.h"

static uint32_t maximum(const tml_pool_window_t *w, uint32_t channel) {
    const int8_t *row = w->first + channel;
    uint32_t highest = 0x80808080u;
    for (uint32_t y = 0; y < w->rows; y++, row += w->row_stride) {
        const int8_t *at = row;
        for (uint32_t x = w->columns; x > 0; x--, at += w->column_stride) {
            highest = tml_max_8(tml_load_word(at), highest);
        }
    }
    return highest;
}

void tml_dsp_max_pool_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    int8_t *output = (int8_t *)(context->arena + p->output);
    if (p->out_c % 4 != 0) {
        tml_ref_max_pool_2d(context, record);
        return;
    }
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++) {
            const tml_pool_window_t window = tml_pool_window(p, (const int8_t *)(context->arena + p->input), y, x);
            for (uint32_t channel = 0; channel < p->out_c; channel += 4, output += 4) {
                uint32_t word = maximum(&window, channel);
                memcpy(output, &word, sizeof(word));
            }
        }
    }
    tml_dsp_clamp((int8_t *)(context->arena + p->output), (uint32_t)p->out_h * p->out_w * p->out_c, p->act_min, p->act_max);
}
