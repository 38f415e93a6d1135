// SOFTMAX over rows, int8 to int8 with output scale 1/256 and zero point -128, or to int16 with 1/65536 and -32768. Numbers named qN have N integer bits.
// Source: gemmlowp's fixedpoint.h (exp_on_negative_values) and TFLite's softmax.h.
// An int8 output may be the input: a row is read before it is written, each element last.
#include "kernels/ref/reciprocal.h"
#include "tml_fixed.h"
#include "tml_kernels.h"

// Integer bits of the scaled differences, and of the sum of exponentials.
#define DIFF_BITS (5)
#define SUM_BITS (12)

// Once instead of in every place: the code is larger than a call.
static __attribute__((noinline)) int32_t mul(int32_t a, int32_t b) {
    return tml_high_mul(a, b);
}

// exp(a) for a in [-1/4, 0), both q0: Taylor series round -1/8.
static int32_t exp_of_quarter(int32_t a) {
    const int32_t exp_of_minus_eighth = 1895147668, one_third = 715827883;
    int32_t x = a + (1 << 28);
    int32_t x2 = mul(x, x);
    int32_t x3 = mul(x2, x);
    int32_t x4_over_4 = tml_divide_by_power(mul(x2, x2), 2);
    int32_t rest = tml_divide_by_power(mul(x4_over_4 + x3, one_third) + x2, 1);
    return exp_of_minus_eighth + mul(exp_of_minus_eighth, x + rest);
}

// exp(a) for a <= 0: a is q5, the result q0. The whole quarters of a are factors exp(-1/4), exp(-1/2) ... exp(-16).
static int32_t exp_of_negative(int32_t a) {
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << (31 - DIFF_BITS - 2);
    if (a == 0) {
        return INT32_MAX;
    }
    int32_t within = (a & (quarter - 1)) - quarter;
    int32_t quarters = within - a;
    int32_t result = exp_of_quarter(tml_shift_left(within, DIFF_BITS));
    for (unsigned i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        if (quarters & tml_shift_left(quarter, (int32_t)i)) {
            result = mul(result, factors[i]);
        }
    }
    return result;
}

static int32_t row_maximum(const int8_t *row, uint32_t n) {
    int32_t highest = INT8_MIN;
    for (uint32_t i = 0; i < n; i++) {
        highest = row[i] > highest ? row[i] : highest;
    }
    return highest;
}

// exp of an element's distance to the row's maximum, q0.
static int32_t exp_of_difference(const tml_softmax_t *s, int32_t difference) {
    return exp_of_negative(tml_multiply(difference, s->multiplier, s->shift));
}

static int32_t row_sum(const tml_softmax_t *s, const int8_t *row, int32_t highest) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < s->depth; i++) {
        if (row[i] - highest >= s->diff_min) {
            sum += tml_divide_by_power(exp_of_difference(s, row[i] - highest), SUM_BITS);
        }
    }
    return sum;
}

static void softmax_row(const tml_softmax_t *s, const int8_t *input, uint8_t *output) {
    const bool wide = s->flags == TML_SOFTMAX_INT16;
    const int32_t lowest = wide ? INT16_MIN : INT8_MIN;
    const int32_t highest = row_maximum(input, s->depth);
    const int32_t sum = row_sum(s, input, highest);
    const int32_t zeros = tml_leading_zeros((uint32_t)sum);
    const int32_t scale = tml_reciprocal_of_one_plus((int32_t)(((uint32_t)sum << zeros) & 0x7fffffff));
    const int32_t shift = SUM_BITS - zeros + 31 - (wide ? 16 : 8);
    for (uint32_t i = 0; i < s->depth; i++) {
        int32_t value = 0;
        if (input[i] - highest >= s->diff_min && shift <= 31) {
            value = tml_divide_by_power(mul(scale, exp_of_difference(s, input[i] - highest)), shift);
        }
        value = tml_clamp(value + lowest, lowest, -lowest - 1);
        if (wide) {
            ((int16_t *)(void *)output)[i] = (int16_t)value;
        } else {
            output[i] = (uint8_t)value;
        }
    }
}

void tml_ref_softmax(const tml_context_t *context, const tml_record_t *record) {
    const tml_softmax_t *s = &record->softmax;
    for (uint32_t row = 0; row < s->rows; row++) {
        const uint32_t offset = row * s->depth;
        softmax_row(s, (const int8_t *)(context->arena + s->input + offset), context->arena + s->output + (offset << s->flags));
    }
}
