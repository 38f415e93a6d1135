// BINARY: functions of two int8 operands that broadcast. An operand that has all elements may be the output.
// Source: TFLite's reference add.h, sub.h, mul.h, div.h, comparisons.h, maximum_minimum.h and prelu.h, TFLite Micro's
// squared_difference.cc.
#include "kernels/ref/reciprocal.h"
#include "tml_fixed.h"
#include "tml_kernels.h"

// Headroom in which both inputs are brought to a common scale; squares need twice that below 2^31.
#define LEFT_SHIFT (20)
#define SQUARE_LEFT_SHIFT (7)
#define COMPARISON_LEFT_SHIFT (8)

typedef struct {
    const int8_t *data;
    uint32_t step[4]; // from an element to the next along each dimension
} operand_t;

static operand_t operand(const tml_context_t *context, const tml_binary_t *p, uint32_t offset, bool constant, uint32_t broadcast) {
    operand_t o;
    uint32_t step = 1;
    o.data = (const int8_t *)((constant ? context->module : context->arena) + offset);
    for (int d = 3; d >= 0; d--) {
        const bool alone = (broadcast >> d & 1) != 0;
        o.step[d] = alone ? 0 : step;
        step *= alone ? 1 : p->shape[d];
    }
    return o;
}

// Once instead of in every place: the code is larger than a call.
static __attribute__((noinline)) int32_t multiply(int32_t x, int32_t multiplier, int32_t shift) {
    return tml_multiply(x, multiplier, shift);
}

// a and b as ADD, SUB and the like need them: with bits to spare, then in one scale.
static int32_t left_shift(const tml_binary_t *p) {
    if (p->function >= TML_BINARY_EQUAL) {
        return COMPARISON_LEFT_SHIFT;
    }
    return p->function == TML_BINARY_SQUARED_DIFFERENCE ? SQUARE_LEFT_SHIFT : LEFT_SHIFT;
}

static int32_t combine_scaled(const tml_binary_t *p, int32_t a, int32_t b) {
    if (p->function >= TML_BINARY_LESS) {
        return p->function == TML_BINARY_LESS ? a < b : a <= b;
    }
    if (p->function >= TML_BINARY_EQUAL) {
        return (a == b) == (p->function == TML_BINARY_EQUAL);
    }
    a = p->function == TML_BINARY_ADD ? a + b : a - b;
    if (p->function == TML_BINARY_SQUARED_DIFFERENCE) {
        a = (int32_t)((uint32_t)a * (uint32_t)a);
    }
    return multiply(a, p->out_multiplier, p->out_shift);
}

// As TFLite's div.h: numerator and divisor are shifted as far left as they go. What is divided by zero goes to the limits.
static int32_t divide(const tml_binary_t *p, int32_t a, int32_t b) {
    if (a == 0 || b == 0) {
        return a == 0 ? 0 : a < 0 ? INT16_MIN : INT16_MAX;
    }
    if (b < 0) {
        a = -a;
        b = -b;
    }
    const int32_t zeros = tml_leading_zeros((uint32_t)b);
    const int32_t headroom = a < 0 ? tml_leading_zeros((uint32_t)(-2 * a - 1)) : tml_leading_zeros((uint32_t)a) - 1;
    const int32_t inverse = tml_reciprocal_of_one_plus((int32_t)(((uint32_t)b << zeros) & 0x7fffffff));
    const int32_t quotient = multiply(tml_shift_left(a, headroom), inverse, 0);
    const int32_t shift = p->out_shift - (31 - zeros) - headroom;
    return shift < -31 ? 0 : multiply(quotient, p->out_multiplier, shift);
}

// a and b without their zero points; returns the result without the output's.
static int32_t combine(const tml_binary_t *p, int32_t a, int32_t b) {
    if (p->function == TML_BINARY_MUL) {
        return multiply(a * b, p->out_multiplier, p->out_shift);
    }
    if (p->function == TML_BINARY_PRELU) {
        return a >= 0 ? multiply(a, p->multiplier1, p->shift1) : multiply(a * b, p->out_multiplier, p->out_shift);
    }
    if (p->function == TML_BINARY_DIV) {
        return divide(p, a, b);
    }
    const int32_t left = left_shift(p);
    a = multiply(tml_shift_left(a, left), p->multiplier1, p->shift1);
    b = multiply(tml_shift_left(b, left), p->multiplier2, p->shift2);
    return combine_scaled(p, a, b);
}

static int32_t value(const tml_binary_t *p, int32_t a, int32_t b) {
    if (p->function == TML_BINARY_MINIMUM) {
        return a < b ? a : b;
    }
    if (p->function == TML_BINARY_MAXIMUM) {
        return a > b ? a : b;
    }
    if (p->function == TML_BINARY_SELECT) {
        return b;
    }
    return tml_add_wrap(combine(p, a - p->in_zero_point, b - p->in2_zero_point), p->out_zero_point);
}

static int8_t *row(const tml_binary_t *p, const operand_t *a, const operand_t *b, const uint32_t at[3], int8_t *output) {
    const int8_t *first = a->data, *second = b->data;
    for (int d = 0; d < 3; d++) {
        first += at[d] * a->step[d];
        second += at[d] * b->step[d];
    }
    for (uint32_t i = p->shape[3]; i > 0; i--, first += a->step[3], second += b->step[3]) {
        if (p->function != TML_BINARY_SELECT || *first != 0) {
            *output = (int8_t)tml_clamp(value(p, *first, *second), p->act_min, p->act_max);
        }
        output++;
    }
    return output;
}

void tml_ref_binary(const tml_context_t *context, const tml_record_t *record) {
    const tml_binary_t *p = &record->binary;
    const operand_t a = operand(context, p, p->input, (p->constants & 1) != 0, p->broadcast1);
    const operand_t b = operand(context, p, p->input2, (p->constants & 2) != 0, p->broadcast2);
    int8_t *output = (int8_t *)(context->arena + p->output);
    uint32_t at[3];
    for (at[0] = 0; at[0] < p->shape[0]; at[0]++) {
        for (at[1] = 0; at[1] < p->shape[1]; at[1]++) {
            for (at[2] = 0; at[2] < p->shape[2]; at[2]++) {
                output = row(p, &a, &b, at, output);
            }
        }
    }
}
