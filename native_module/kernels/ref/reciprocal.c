// Source: gemmlowp's fixedpoint.h.
#include "kernels/ref/reciprocal.h"

#include "tml_fixed.h"

// Once instead of in every place: the code is larger than a call.
static __attribute__((noinline)) int32_t mul(int32_t a, int32_t b) {
    return tml_high_mul(a, b);
}

int32_t tml_leading_zeros(uint32_t x) {
    int32_t n = 0;
    for (; (x & 0x80000000u) == 0; x <<= 1) {
        n++;
    }
    return n;
}

// Three Newton steps for 1 / ((1 + a) / 2), which is q2 while it is refined.
int32_t tml_reciprocal_of_one_plus(int32_t a) {
    const int32_t q2_48_over_17 = 1515870810, q2_minus_32_over_17 = -1010580540, q2_one = 1 << 29;
    int32_t half = (int32_t)(((uint32_t)a + 0x80000000u) >> 1);
    int32_t x = q2_48_over_17 + mul(half, q2_minus_32_over_17);
    for (int i = 0; i < 3; i++) {
        x = tml_add_wrap(x, tml_shift_left(mul(x, q2_one - mul(half, x)), 2));
    }
    return x >= 1 << 30 ? INT32_MAX : tml_shift_left(x, 1);
}
