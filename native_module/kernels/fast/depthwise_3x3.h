// DEPTHWISE_CONV_2D with a filter of 3 x 3, one channel after the other: its nine weights stay in registers while the columns of three
// input rows pass by. Each column is loaded once and adds to the sums of all outputs that see it.
#ifndef TML_FAST_DEPTHWISE_3X3_H
#define TML_FAST_DEPTHWISE_3X3_H

#include "kernels/fast/requantise.h"
#include "tml_kernels.h"

// One channel of the operator being run.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input; // the channel's first value
    int8_t *output; // its next value
    tml_right_t by;
    tml_range_t range;
    uint32_t bias;
    int8_t weights[9];
} tml_channel_3x3_t;

// What one output row needs.
typedef struct {
    const int8_t *row[3];
    const int8_t *weights;
    uint32_t bias;
    int8_t border[9];
} tml_rows_3x3_t;

// Whether this kernel can do it. Shifts to the left are left to the general one.
static inline bool tml_is_3x3(const tml_conv_t *c, const tml_channel_t *channel) {
    bool is = c->filter_h == 3 && c->filter_w == 3 && c->dilation_h == 1 && c->dilation_w == 1;
    is = is && c->pad_top <= 1 && c->pad_left <= 1 && c->stride_w <= 2;
    for (uint32_t i = 0; is && i < c->out_c; i++) {
        is = channel[i].shift < 0;
    }
    return is;
}

// An output row that sees padding: the weights of padded rows are zero, their share is in the bias, and they lie over any row.
__attribute__((noinline)) static void tml_border_rows(const tml_channel_3x3_t *k, int32_t y, tml_rows_3x3_t *rows) {
    const tml_conv_t *c = k->conv;
    for (uint32_t i = 0; i < 9; i++) {
        rows->border[i] = k->weights[i];
    }
    rows->weights = rows->border;
    for (uint32_t i = 0; i < 3; i++, y++) {
        int8_t *weights = rows->border + 3 * i;
        if (y < 0 || y >= c->in_h) {
            rows->bias += (uint32_t)((weights[0] + weights[1] + weights[2]) * c->in_zero_point);
            weights[0] = weights[1] = weights[2] = 0;
            rows->row[i] = k->input;
        }
    }
}

// Input rows y to y + 2 of a channel.
static inline void tml_rows_at(const tml_channel_3x3_t *k, int32_t y, tml_rows_3x3_t *rows) {
    const uint32_t row_bytes = (uint32_t)k->conv->in_w * k->conv->in_c;
    rows->row[0] = k->input + y * (int32_t)row_bytes;
    rows->row[1] = rows->row[0] + row_bytes;
    rows->row[2] = rows->row[1] + row_bytes;
    rows->weights = k->weights;
    rows->bias = k->bias;
    if (y < 0 || y + 3 > k->conv->in_h) {
        tml_border_rows(k, y, rows);
    }
}

// The next column of the three rows; padding once `at` is behind the last.
#define TML_LOAD_COLUMN() \
    do { \
        x0 = *row0, x1 = *row1, x2 = *row2; \
        row0 += step, row1 += step, row2 += step; \
    } while (0)
#define TML_LOAD_COLUMN_OR_PADDING(at) \
    do { \
        if ((uint32_t)(at) < in_w) { \
            TML_LOAD_COLUMN(); \
        } else { \
            x0 = x1 = x2 = padding; \
        } \
    } while (0)
// The share of the loaded column where it lies under column i of the filter.
#define TML_COLUMN(i) ((uint32_t)(x0 * w0##i) + (uint32_t)(x1 * w1##i) + (uint32_t)(x2 * w2##i))

#define TML_BEGIN_3X3(k, rows) \
    const tml_conv_t *c = (k)->conv; \
    const int32_t w00 = (rows)->weights[0], w01 = (rows)->weights[1], w02 = (rows)->weights[2]; \
    const int32_t w10 = (rows)->weights[3], w11 = (rows)->weights[4], w12 = (rows)->weights[5]; \
    const int32_t w20 = (rows)->weights[6], w21 = (rows)->weights[7], w22 = (rows)->weights[8]; \
    const int32_t padding = c->in_zero_point; \
    const tml_right_t by = (k)->by; /* copied: a store of a byte could change what is behind a pointer */ \
    const tml_range_t range = (k)->range; \
    const uint32_t in_w = c->in_w, step = c->in_c, out_step = c->out_c, bias = (rows)->bias; \
    const int8_t *row0 = (rows)->row[0], *row1 = (rows)->row[1], *row2 = (rows)->row[2]; \
    int8_t *out = (k)->output; \
    int32_t at = -(int32_t)c->pad_left, left = c->out_w, x0, x1, x2

// One output row, stride 1. first: sum of the next output; second: of the one after it.
static inline int8_t *tml_row_3x3(const tml_channel_3x3_t *k, const tml_rows_3x3_t *rows) {
    TML_BEGIN_3X3(k, rows);
    TML_LOAD_COLUMN_OR_PADDING(at);
    uint32_t first = bias + TML_COLUMN(0), second;
    TML_LOAD_COLUMN_OR_PADDING(at + 1);
    first += TML_COLUMN(1);
    second = bias + TML_COLUMN(0);
    for (at += 2; left > 0; left--, at++, out += out_step) {
        TML_LOAD_COLUMN_OR_PADDING(at);
        *out = tml_requantise_right(first + TML_COLUMN(2), by, &range);
        first = second + TML_COLUMN(1);
        second = bias + TML_COLUMN(0);
    }
    return out;
}

// One output row, stride 2: the last column of an output is the first of the next.
static inline int8_t *tml_row_3x3_stride_2(const tml_channel_3x3_t *k, const tml_rows_3x3_t *rows) {
    TML_BEGIN_3X3(k, rows);
    TML_LOAD_COLUMN_OR_PADDING(at);
    uint32_t sum = bias + TML_COLUMN(0);
    for (; left > 0; left--, at += 2, out += out_step) {
        TML_LOAD_COLUMN_OR_PADDING(at + 1);
        sum += TML_COLUMN(1);
        TML_LOAD_COLUMN_OR_PADDING(at + 2);
        *out = tml_requantise_right(sum + TML_COLUMN(2), by, &range);
        sum = bias + TML_COLUMN(0);
    }
    return out;
}

// One channel of the whole image. Neither is inlined: together they would need more stack than a kernel may use.
__attribute__((noinline)) static void tml_channel_3x3(tml_channel_3x3_t *k) {
    int32_t y = -(int32_t)k->conv->pad_top;
    for (uint32_t left = k->conv->out_h; left > 0; left--, y += k->conv->stride_h) {
        tml_rows_3x3_t rows;
        tml_rows_at(k, y, &rows);
        k->output = tml_row_3x3(k, &rows);
    }
}

__attribute__((noinline)) static void tml_channel_3x3_stride_2(tml_channel_3x3_t *k) {
    int32_t y = -(int32_t)k->conv->pad_top;
    for (uint32_t left = k->conv->out_h; left > 0; left--, y += k->conv->stride_h) {
        tml_rows_3x3_t rows;
        tml_rows_at(k, y, &rows);
        k->output = tml_row_3x3_stride_2(k, &rows);
    }
}

#endif // TML_FAST_DEPTHWISE_3X3_H
