// SOFTMAX_INT16: over rows, int16 to int16 with output scale 1/32768. Exponentials and the reciprocal of their sum come from tables.
// Source: TFLite's softmax.h (SoftmaxInt16) and common.h (LUTLookup). Output may be the input: it holds a row's exponentials meanwhile.
#include "kernels/ref/reciprocal.h"
#include "tml_fixed.h"
#include "tml_kernels.h"

#define ENTRIES (513)

// What the largest element alone adds; tables that have less there are not ours.
#define LOWEST_SUM (1 << 14)

static int32_t clamp16(int32_t x) {
    return tml_clamp(x, INT16_MIN, INT16_MAX);
}

// The table between two of its entries, 128 apart; both and the result have 16 bits, whatever the table holds.
static __attribute__((noinline)) int32_t interpolated(const int16_t *table, int32_t x) {
    x = clamp16(x) - INT16_MIN;
    const int16_t *at = table + (x >> 7);
    return (int16_t)(at[0] + (((int16_t)(at[1] - at[0]) * (x & 127) + 64) >> 7));
}

// exp of all distances to the largest element, times 2^15; returns their sum.
static int32_t exponentials(const tml_softmax_int16_t *s, const int16_t *table, const int16_t *input, int16_t *output) {
    int32_t highest = INT16_MIN, sum = 0;
    for (uint32_t i = 0; i < s->depth; i++) {
        highest = input[i] > highest ? input[i] : highest;
    }
    for (uint32_t i = 0; i < s->depth; i++) {
        const int32_t scaled = tml_multiply(input[i] - highest, s->multiplier, s->shift);
        output[i] = (int16_t)interpolated(table, tml_add_wrap(scaled, INT16_MAX));
        sum += output[i];
    }
    return sum;
}

static void softmax_row(const tml_softmax_int16_t *s, const int16_t *tables, const int16_t *input, int16_t *output) {
    const int32_t sum = tml_clamp(exponentials(s, tables, input, output), LOWEST_SUM, INT32_MAX);
    const int32_t shift = 31 - tml_leading_zeros((uint32_t)sum);
    const int32_t whole = (int32_t)((((uint32_t)sum << (30 - shift)) + (1 << 13)) >> 14); // 1 to 2 times 2^16
    const int32_t reciprocal = interpolated(tables + ENTRIES, whole - (1 << 16) + INT16_MIN);
    for (uint32_t i = 0; i < s->depth; i++) {
        output[i] = (int16_t)tml_clamp((output[i] * reciprocal + (1 << (shift - 1))) >> shift, 0, INT16_MAX);
    }
}

void tml_ref_softmax_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_softmax_int16_t *s = &record->softmax_int16;
    const int16_t *tables = (const int16_t *)(const void *)(context->module + s->tables);
    const int16_t *input = (const int16_t *)(const void *)(context->arena + s->input);
    int16_t *output = (int16_t *)(void *)(context->arena + s->output);
    for (uint32_t row = 0; row < s->rows; row++, input += s->depth, output += s->depth) {
        softmax_row(s, tables, input, output);
    }
}
