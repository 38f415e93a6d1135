// SWAR of 3 x 3 filters, one channel at a time (lanes as in kernels/mk/swar.h): six output rows of a column are made at once, rows k
// and k + 3 in the lanes of word k. A column of positions is what a column of the filter sees: 9 words, those of output rows 0 to 2
// (and 3 to 5) under the filter's first row, then under its second and third.
#ifndef TML_MK_SWAR_FILTER_H
#define TML_MK_SWAR_FILTER_H

#include <stdint.h>

#include "kernels/mk/swar_models.h"

#define TML_SWAR_ROWS (6) // of output, in a block
#define TML_SWAR_POSITION_WORDS (9)
#define TML_SWAR_FACTOR_BITS (14) // of tml_swar_scale_t

// What a block sees of a channel, and where its output goes.
typedef struct {
    uint32_t step; // bytes between columns of the input
    uint32_t bytes; // of all columns to pack: step times their number, at least 1
    // From a column's value in the first row to those in rows 0 to 7; for stride 2 in rows 0, 2, ... 12, then 1, 3, ... 11.
    int32_t offsets[13];
    uint32_t out; // bytes from the first row of the output to the block's
} tml_swar_rows_of_block_t;

typedef void (*tml_swar_pack_columns_t)(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows);

// One channel. Taps are in column order.
typedef struct {
    int8_t weights[9];
    uint8_t by_pairs; // windows of 2 taps instead of a column of 3
    uint8_t reserved[2];
    uint32_t start; // added to each sum
    uint32_t limit, offset, factor_high, factor_low; // of tml_swar_scale_t; limit below 2^31
} tml_swar_filter_t;

// What is the same for all channels of a layer. Order and sizes as the assembly reads them.
typedef struct {
    uint32_t parts[5]; // bytes from a block's row 0 to rows 3, 1, 4, 2, 5; where these are written in this order, before row 0
    uint32_t pixel_stride; // bytes between pixels of a row of the output
    uint32_t next; // bytes from the end of a window to the start of the next, mod 2^32
    const uint32_t *end; // where the window stands behind the last
    const uint32_t *x; // the first window
    tml_swar_pack_columns_t pack;
    uint32_t *lanes; // of the first column to pack
    const tml_swar_rows_of_block_t *blocks_end, *blocks; // at least one
} tml_swar_image_t;

// Channels to filter: `end` is behind the last.
typedef struct {
    const tml_swar_filter_t *end, *filter;
    int8_t *out;
    const int8_t *column;
} tml_swar_channels_t;

static inline uint32_t tml_swar_lanes(const int8_t *column, int32_t low, int32_t high) {
    return (uint32_t)column[low] + ((uint32_t)column[high] << 16);
}

static inline void tml_swar_model_pack_columns(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows) {
    const int32_t *row = rows->offsets;
    for (const int8_t *end = column + rows->bytes; column != end; column += rows->step) {
        for (unsigned i = 0; i < TML_SWAR_POSITION_WORDS; i++) {
            const unsigned low = i / 3 + i % 3;
            *lanes++ = tml_swar_lanes(column, row[low], row[low + 3]);
        }
    }
}

// The same for stride 2.
static inline void tml_swar_model_pack_columns_2(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows) {
    const int32_t *even = rows->offsets, *odd = even + 7;
    for (const int8_t *end = column + rows->bytes; column != end; column += rows->step, lanes += TML_SWAR_POSITION_WORDS) {
        for (unsigned i = 0; i < 3; i++) {
            lanes[i] = tml_swar_lanes(column, even[i], even[i + 3]);
            lanes[i + 3] = tml_swar_lanes(column, odd[i], odd[i + 3]);
            lanes[i + 6] = tml_swar_lanes(column, even[i + 1], even[i + 4]);
        }
    }
}

// What the high lane lacks is the sign of the low one, as with tml_swar_flush; here it is added behind the shift.
static inline void tml_swar_gather(tml_swar_sums_t *sums, uint32_t window) {
    sums->total += window;
    sums->high += tml_swar_high(window) + (window >> 15 & 1);
}

// The sums of the window at x, gathered after every `taps` taps.
static inline const uint32_t *tml_swar_filter(const tml_swar_filter_t *filter, const uint32_t *x, unsigned taps, tml_swar_sums_t sums[3]) {
    for (unsigned i = 0; i < 9; i += taps) {
        uint32_t window[3] = {0, 0, 0};
        for (unsigned tap = i; tap < i + taps && tap < 9; tap++, x += 3) {
            for (unsigned word = 0; word < 3; word++) {
                window[word] += (uint32_t)filter->weights[tap] * x[word];
            }
        }
        for (unsigned word = 0; word < 3; word++) {
            tml_swar_gather(&sums[word], window[word]);
        }
    }
    return x;
}

static inline void tml_swar_filter_block(const tml_swar_image_t *image, const tml_swar_filter_t *filter, int8_t *out) {
    const unsigned taps = filter->by_pairs != 0 ? 2 : 3;
    const tml_swar_scale_t scale = {filter->offset, filter->limit, filter->factor_high, filter->factor_low, TML_SWAR_FACTOR_BITS, 0};
    const uint32_t *part = image->parts;
    for (const uint32_t *x = image->x; x != image->end; out += image->pixel_stride) {
        tml_swar_sums_t sums[3] = {{0, 0}, {0, 0}, {0, 0}};
        x = tml_swar_filter(filter, x, taps, sums) + (int32_t)image->next / 4;
        out[part[0]] = tml_swar_scale(sums[0].high + filter->start, &scale);
        out[0] = tml_swar_scale(tml_swar_low_of(&sums[0]) + filter->start, &scale);
        for (unsigned word = 1; word < 3; word++) {
            out[part[2 * word]] = tml_swar_scale(sums[word].high + filter->start, &scale);
            out[part[2 * word - 1]] = tml_swar_scale(tml_swar_low_of(&sums[word]) + filter->start, &scale);
        }
    }
}

// Channels up to `end`, at least one. column: the first one's values in the first column to pack.
static inline void tml_swar_model_filter_channels(const tml_swar_image_t *image, tml_swar_channels_t *job) {
    for (; job->filter != job->end; job->filter++, job->out++, job->column++) {
        for (const tml_swar_rows_of_block_t *block = image->blocks; block != image->blocks_end; block++) {
            image->pack(image->lanes, job->column, block);
            tml_swar_filter_block(image, job->filter, job->out + block->out);
        }
    }
}

#if defined(__thumb__) && !defined(__thumb2__)
void tml_swar_pack_columns(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows);
void tml_swar_pack_columns_2(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows);
void tml_swar_filter_channels(const tml_swar_image_t *image, tml_swar_channels_t *job);
#else
#define tml_swar_pack_columns tml_swar_model_pack_columns
#define tml_swar_pack_columns_2 tml_swar_model_pack_columns_2
#define tml_swar_filter_channels tml_swar_model_filter_channels
#endif

#endif // TML_MK_SWAR_FILTER_H
