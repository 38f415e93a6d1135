// BINARY_INT16: functions of two int16 operands that broadcast, all with the zero point 0. An operand that has all elements may be
// the output. Source: TFLite's reference add.h, sub.h, mul.h, maximum_minimum.h, leaky_relu.h, TFLite Micro's squared_difference.cc.
#include <stddef.h>

#include "tml_fixed.h"
#include "tml_kernels.h"

// Headroom in which both inputs of ADD and SUB are brought to a common scale; squares have none.
#define LEFT_SHIFT (15)

// By the first, second or third multiplier. Once instead of in every place: the code is larger than a call.
static __attribute__((noinline)) int32_t scaled(const tml_binary_t *p, int32_t x, uint32_t number) {
    const uint8_t *record = (const uint8_t *)p;
    const int32_t *multipliers = (const int32_t *)(const void *)(record + offsetof(tml_binary_t, multiplier1));
    const int8_t *shifts = (const int8_t *)(record + offsetof(tml_binary_t, shift1));
    return tml_multiply(x, multipliers[number], shifts[number]);
}

static int32_t combine_scaled(const tml_binary_t *p, int32_t a, int32_t b) {
    const int32_t left = p->function == TML_BINARY_SQUARED_DIFFERENCE ? 0 : LEFT_SHIFT;
    a = scaled(p, tml_shift_left(a, left), 0);
    b = scaled(p, tml_shift_left(b, left), 1);
    a = p->function == TML_BINARY_ADD ? a + b : a - b;
    return left == 0 ? (int32_t)((uint32_t)a * (uint32_t)a) : a;
}

static __attribute__((noinline)) int32_t value(const tml_binary_t *p, int32_t a, int32_t b) {
    if (p->function == TML_BINARY_MINIMUM || p->function == TML_BINARY_MAXIMUM) {
        return (a < b) == (p->function == TML_BINARY_MINIMUM) ? a : b;
    }
    if (p->function == TML_BINARY_PRELU && a >= 0) {
        return scaled(p, a, 0);
    }
    const bool product = p->function == TML_BINARY_MUL || p->function == TML_BINARY_PRELU;
    return scaled(p, product ? a * b : combine_scaled(p, a, b), 2);
}

// The number of the element of an operand that belongs to the first of a row.
static uint32_t place(const tml_binary_t *p, const uint32_t at[4], uint32_t broadcast) {
    uint32_t element = 0;
    for (int d = 0; d < 4; d++) {
        element = (broadcast >> d & 1) != 0 ? element : element * p->shape[d] + at[d];
    }
    return element;
}

static const int16_t *operand(const tml_context_t *context, uint32_t offset, uint32_t constant) {
    return (const int16_t *)(const void *)((constant != 0 ? context->module : context->arena) + offset);
}

static int16_t *row(const tml_binary_t *p, const int16_t *a, const int16_t *b, int16_t *output) {
    for (uint32_t i = p->shape[3]; i > 0; i--, a += ~p->broadcast1 >> 3 & 1, b += ~p->broadcast2 >> 3 & 1) {
        *output++ = (int16_t)tml_clamp(value(p, *a, *b), p->wide_min, p->wide_max);
    }
    return output;
}

void tml_ref_binary_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_binary_t *p = &record->binary;
    const int16_t *a = operand(context, p->input, p->constants & 1), *b = operand(context, p->input2, p->constants & 2);
    int16_t *output = (int16_t *)(void *)(context->arena + p->output);
    uint32_t at[4];
    at[3] = 0;
    for (at[0] = 0; at[0] < p->shape[0]; at[0]++) {
        for (at[1] = 0; at[1] < p->shape[1]; at[1]++) {
            for (at[2] = 0; at[2] < p->shape[2]; at[2]++) {
                output = row(p, a + place(p, at, p->broadcast1), b + place(p, at, p->broadcast2), output);
            }
        }
    }
}
