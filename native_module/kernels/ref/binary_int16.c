// BINARY_INT16: functions of two int16 operands that broadcast, all with the zero point 0. An operand that has all elements may be
// the output. Source: TFLite's reference add.h, sub.h, mul.h, maximum_minimum.h, leaky_relu.h, TFLite Micro's squared_difference.cc.
#include "tml_fixed.h"
#include "tml_kernels.h"

// Headroom in which both inputs of ADD and SUB are brought to a common scale; squares have none.
#define LEFT_SHIFT (15)

typedef struct {
    const int16_t *data;
    uint32_t step[4]; // from an element to the next along each dimension
} operand_t;

static void put_operand(operand_t *o, const uint8_t *data, const tml_binary_t *p, uint32_t broadcast) {
    uint32_t step = 1;
    o->data = (const int16_t *)(const void *)data;
    for (int d = 3; d >= 0; d--) {
        const bool alone = (broadcast >> d & 1) != 0;
        o->step[d] = alone ? 0 : step;
        step *= alone ? 1 : p->shape[d];
    }
}

// Once instead of in every place: the code is larger than a call.
static __attribute__((noinline)) int32_t multiply(int32_t x, int32_t multiplier, int32_t shift) {
    return tml_multiply(x, multiplier, shift);
}

static int32_t combine_scaled(const tml_binary_t *p, int32_t a, int32_t b) {
    const int32_t left = p->function == TML_BINARY_SQUARED_DIFFERENCE ? 0 : LEFT_SHIFT;
    a = multiply(tml_shift_left(a, left), p->multiplier1, p->shift1);
    b = multiply(tml_shift_left(b, left), p->multiplier2, p->shift2);
    a = p->function == TML_BINARY_ADD ? a + b : a - b;
    return left == 0 ? (int32_t)((uint32_t)a * (uint32_t)a) : a;
}

static int32_t value(const tml_binary_t *p, int32_t a, int32_t b) {
    if (p->function == TML_BINARY_MINIMUM || p->function == TML_BINARY_MAXIMUM) {
        return (a < b) == (p->function == TML_BINARY_MINIMUM) ? a : b;
    }
    if (p->function == TML_BINARY_PRELU && a >= 0) {
        return multiply(a, p->multiplier1, p->shift1);
    }
    const bool product = p->function == TML_BINARY_MUL || p->function == TML_BINARY_PRELU;
    return multiply(product ? a * b : combine_scaled(p, a, b), p->out_multiplier, p->out_shift);
}

// To the next element along the innermost dimension that has one; false behind the last.
static bool advance(const tml_binary_t *p, operand_t operands[2], uint32_t at[4]) {
    for (int d = 3; d >= 0; d--) {
        const bool ends = ++at[d] == p->shape[d];
        for (int i = 0; i < 2; i++) {
            operands[i].data += operands[i].step[d];
            operands[i].data -= ends ? p->shape[d] * operands[i].step[d] : 0;
        }
        if (!ends) {
            return true;
        }
        at[d] = 0;
    }
    return false;
}

void tml_ref_binary_int16(const tml_context_t *context, const tml_record_t *record) {
    const tml_binary_t *p = &record->binary;
    operand_t operands[2];
    int16_t *output = (int16_t *)(void *)(context->arena + p->output);
    uint32_t at[4] = {0, 0, 0, 0};
    put_operand(&operands[0], ((p->constants & 1) != 0 ? context->module : context->arena) + p->input, p, p->broadcast1);
    put_operand(&operands[1], ((p->constants & 2) != 0 ? context->module : context->arena) + p->input2, p, p->broadcast2);
    do {
        *output++ = (int16_t)tml_clamp(value(p, *operands[0].data, *operands[1].data), p->wide_min, p->wide_max);
    } while (advance(p, operands, at));
}
