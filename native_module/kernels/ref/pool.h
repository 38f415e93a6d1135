// The part of a pooling window that lies inside the input.
#ifndef TML_REF_POOL_H
#define TML_REF_POOL_H

#include "tml_kernels.h"

typedef struct {
    const int8_t *first; // its first pixel, channel 0
    uint32_t rows, columns;
    uint32_t row_stride; // from a row to the next, in elements
    uint32_t column_stride;
} tml_pool_window_t;

// [start, start + length) cut to [0, size); returns its new start, puts the new length.
static inline uint32_t tml_clip(int32_t start, uint32_t length, uint32_t size, uint32_t *clipped) {
    int32_t end = start + (int32_t)length;
    uint32_t low = start < 0 ? 0 : (uint32_t)start;
    uint32_t high = end > (int32_t)size ? size : (uint32_t)end;
    *clipped = high - low;
    return low;
}

static inline tml_pool_window_t tml_pool_window(const tml_pool_t *p, const int8_t *input, uint32_t out_y, uint32_t out_x) {
    tml_pool_window_t w;
    uint32_t y = tml_clip((int32_t)(out_y * p->stride_h) - p->pad_top, p->filter_h, p->in_h, &w.rows);
    uint32_t x = tml_clip((int32_t)(out_x * p->stride_w) - p->pad_left, p->filter_w, p->in_w, &w.columns);
    w.column_stride = p->in_c;
    w.row_stride = (uint32_t)p->in_w * p->in_c;
    w.first = input + y * w.row_stride + x * w.column_stride;
    return w;
}

#endif // TML_REF_POOL_H
