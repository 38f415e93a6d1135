// Primitives of the loop nests in plain C, for every core. All sums are mod 2^32, as unsigned arithmetic is.
#ifndef TML_MK_C_H
#define TML_MK_C_H

#include <stdint.h>

// Dot product of n bytes.
static inline uint32_t tml_dot_1(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sum) {
    for (uint32_t i = 0; i < n; i++) {
        sum += (uint32_t)(x[i] * w[i]);
    }
    return sum;
}

// Four dot products with the same x; the rows of w are n apart. x is loaded once for all four.
static inline void tml_dot_4(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sum[4]) {
    const int8_t *w0 = w, *w1 = w0 + n, *w2 = w1 + n, *w3 = w2 + n;
    uint32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
    for (uint32_t i = 0; i < n; i++) {
        int32_t value = x[i];
        s0 += (uint32_t)(value * w0[i]);
        s1 += (uint32_t)(value * w1[i]);
        s2 += (uint32_t)(value * w2[i]);
        s3 += (uint32_t)(value * w3[i]);
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

// acc[i] += x[i] * w[i] for n bytes.
static inline void tml_add_products(uint32_t *acc, const int8_t *x, const int8_t *w, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        acc[i] += (uint32_t)(x[i] * w[i]);
    }
}

// acc[i] += x0[i] * w0[i] + x1[i] * w1[i]: two at a time halve the traffic of the accumulators.
static inline void tml_add_products_2(uint32_t *acc, const int8_t *x0, const int8_t *w0, const int8_t *x1, const int8_t *w1, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        acc[i] += (uint32_t)(x0[i] * w0[i] + x1[i] * w1[i]);
    }
}

#endif // TML_MK_C_H
