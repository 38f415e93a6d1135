// SWAR of fully-connected layers: two output rows a and b per 32-bit word, low and high lane. A word of weights holds two of each
// row, as bytes w + 128 in the order a0 a1 b0 b1. With W this word, R the same with the bytes of each half swapped (REV16), and
// p = (x0 - 256 x1) * 65537, q = (x1 - 256 x0) * 65537 made of two inputs,
//   W p + R q = (a0 + 128) x0 + (a1 + 128) x1 + 65536 ((b0 + 128) x0 + (b1 + 128) x1)   mod 2^32,
// because p + 256 q = x0 and 256 p + q = x1: 4 products by two multiplications, and no weight is ever taken out of its word.
// The sums of a window start at a correction for the 128s. Windows are the same for all rows, so it is made once, of the inputs.
#ifndef TML_MK_SWAR_ROWS_H
#define TML_MK_SWAR_ROWS_H

#include <stdint.h>

#include "kernels/mk/swar_models.h"

#define TML_SWAR_STEPS (16) // of two inputs each, in the longest window

// The first word of a window of 1 to TML_SWAR_STEPS steps, and of what ends a chunk: how far the assembly jumps, back over code of
// 24 bytes for each step, or by -2 to the next instruction.
#define TML_SWAR_WINDOW(steps) (UINT32_C(0) - 22 - 24 * (uint32_t)(steps))
#define TML_SWAR_WINDOW_STEPS(word) ((UINT32_C(0) - 22 - (word)) / 24)
#define TML_SWAR_NO_WINDOW (UINT32_C(0) - 2)
#define TML_SWAR_CHUNK_ENDS (0x80) // flag of a window's length

// What makes lanes of a chunk of the input, and moves on to the next.
typedef struct {
    uint32_t *x; // per window: TML_SWAR_WINDOW, 0x8000 less 128 * 65537 * all x, then p and q of each step; at the end TML_SWAR_NO_WINDOW and any word
    const int8_t *input;
    const uint8_t *window; // steps of each; the chunk's last with TML_SWAR_CHUNK_ENDS
} tml_swar_expand_t;

typedef struct {
    const uint32_t *x; // as tml_swar_expand makes it
    const uint32_t *weights; // per four rows and step: a word of the first two rows, one of the others
    uint32_t *sums; // of all rows, to be added to; those of even rows end 0x8000 too high for each window
    uint32_t *sums_end; // a multiple of four further
} tml_swar_rows_t;

static inline void tml_swar_model_expand(tml_swar_expand_t *job) {
    uint32_t *x = job->x;
    uint8_t flags;
    do {
        uint32_t sum = 0, *head = x;
        flags = *job->window++;
        x += 2;
        for (uint32_t steps = flags & (TML_SWAR_CHUNK_ENDS - 1); steps > 0; steps--, x += 2, job->input += 2) {
            const uint32_t x0 = (uint32_t)job->input[0] * 0x10001, x1 = (uint32_t)job->input[1] * 0x10001;
            x[0] = x0 - (x1 << 8);
            x[1] = x1 - (x0 << 8);
            sum += x0 + x1;
        }
        head[0] = TML_SWAR_WINDOW((uint32_t)(x - head) / 2 - 1);
        head[1] = 0x8000 - (sum << 7);
    } while ((flags & TML_SWAR_CHUNK_ENDS) == 0);
    *x = TML_SWAR_NO_WINDOW;
}

static inline uint32_t tml_swar_swap_bytes(uint32_t word) {
    return (word >> 8 & 0x00ff00ff) | (word << 8 & 0xff00ff00);
}

// Four rows: adds to totals and highs of two lane pairs. Returns where the next four rows begin.
static inline const uint32_t *tml_swar_model_four_rows(const uint32_t *x, const uint32_t *weights, uint32_t total[2], uint32_t high[2]) {
    while (*x != TML_SWAR_NO_WINDOW) {
        uint32_t steps = TML_SWAR_WINDOW_STEPS(*x++), window[2] = {*x, *x};
        for (x++; steps > 0; steps--, x += 2, weights += 2) {
            for (unsigned pair = 0; pair < 2; pair++) {
                window[pair] += weights[pair] * x[0] + tml_swar_swap_bytes(weights[pair]) * x[1];
            }
        }
        for (unsigned pair = 0; pair < 2; pair++) {
            total[pair] += window[pair];
            high[pair] += tml_swar_high(window[pair]);
        }
    }
    return weights;
}

// All products of a chunk of the input. Returns the end of the weights it took.
static inline const uint32_t *tml_swar_model_rows(const tml_swar_rows_t *job) {
    const uint32_t *weights = job->weights;
    for (uint32_t *sums = job->sums; sums != job->sums_end; sums += 4) {
        uint32_t total[2] = {0, 0}, high[2] = {0, 0};
        weights = tml_swar_model_four_rows(job->x, weights, total, high);
        for (unsigned pair = 0; pair < 2; pair++) {
            sums[2 * pair] += total[pair] - (high[pair] << 16);
            sums[2 * pair + 1] += high[pair];
        }
    }
    return weights;
}

// n accumulators → output bytes, n at least 1.
static inline void tml_swar_model_scale_rows(const uint32_t *sums, int8_t *out, uint32_t n, const tml_swar_scale_t *scale) {
    for (uint32_t i = 0; i < n; i++) {
        out[i] = tml_swar_scale(sums[i], scale);
    }
}

#if defined(__thumb__) && !defined(__thumb2__)
void tml_swar_expand(tml_swar_expand_t *job);
void tml_swar_scale_rows(const uint32_t *sums, int8_t *out, uint32_t n, const tml_swar_scale_t *scale);
const uint32_t *tml_swar_rows(const tml_swar_rows_t *job);
#else
#define tml_swar_expand tml_swar_model_expand
#define tml_swar_scale_rows tml_swar_model_scale_rows
#define tml_swar_rows tml_swar_model_rows
#endif

#endif // TML_MK_SWAR_ROWS_H
