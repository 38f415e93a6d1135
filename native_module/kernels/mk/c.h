// Primitives of the loop nests in plain C, for every core. All sums are mod 2^32, as unsigned arithmetic is. Compilers keep a tap's
// loads and sums in registers but do not unroll loops at -O2, so that is done here.
#ifndef TML_MK_C_H
#define TML_MK_C_H

#include <stdint.h>

#define TML_TILE (4) // pixels, and channels, that a tile computes at once

// sums[s] += row[i] * value
#define TML_MAC(sum, row, i, value) sum += (uint32_t)(row[i] * value)

// Dot product of n bytes.
static inline uint32_t tml_dot_1(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sum) {
    for (uint32_t i = 0; i < n; i++) {
        TML_MAC(sum, w, i, x[i]);
    }
    return sum;
}

// Loops are unrolled where loads take constant offsets; Thumb-1 has none for signed bytes. Its few registers hold no tile either.
#if defined(__thumb__) && !defined(__thumb2__)
#define TML_UNROLLS (0)
#else
#define TML_UNROLLS (1)
#endif
#if defined(__riscv)
#define TML_DOTS (8) // dot products at once
#else
#define TML_DOTS (4)
#endif

// Keeps the compiler from computing anything of what follows here: it would have more values alive than registers.
#define TML_IN_ORDER(a, b) __asm volatile ("" : "+r" (a), "+r" (b) : : "memory")

#define TML_DOT_4_TAP(i) \
    do { \
        int32_t value_ = x[i]; \
        TML_MAC(s0, w0, i, value_); \
        TML_MAC(s1, w1, i, value_); \
        TML_IN_ORDER(s0, s1); \
        TML_MAC(s2, w2, i, value_); \
        TML_MAC(s3, w3, i, value_); \
        TML_IN_ORDER(s2, s3); \
    } while (0)
#define TML_DOT_8_TAP(i) \
    do { \
        int32_t value_ = x[i]; \
        TML_MAC(s0, w0, i, value_); \
        TML_MAC(s1, w1, i, value_); \
        TML_IN_ORDER(s0, s1); \
        TML_MAC(s2, w2, i, value_); \
        TML_MAC(s3, w3, i, value_); \
        TML_IN_ORDER(s2, s3); \
        TML_MAC(s4, w4, i, value_); \
        TML_MAC(s5, w5, i, value_); \
        TML_IN_ORDER(s4, s5); \
        TML_MAC(s6, w6, i, value_); \
        TML_MAC(s7, w7, i, value_); \
        TML_IN_ORDER(s6, s7); \
    } while (0)

// Four dot products with the same x; the rows of w are n apart. x is loaded once for all four.
static inline void tml_dot_4(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sums[4]) {
    const int8_t *w0 = w, *w1 = w0 + n, *w2 = w1 + n, *w3 = w2 + n;
    uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (; TML_UNROLLS && n >= 4; n -= 4, x += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4) {
        TML_DOT_4_TAP(0);
        TML_DOT_4_TAP(1);
        TML_DOT_4_TAP(2);
        TML_DOT_4_TAP(3);
    }
    for (uint32_t i = 0; i < n; i++) {
        TML_DOT_4_TAP(i);
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

// Eight dot products, for cores with 20 registers to spare.
static inline void tml_dot_8(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sums[8]) {
    const int8_t *w0 = w, *w1 = w0 + n, *w2 = w1 + n, *w3 = w2 + n, *w4 = w3 + n, *w5 = w4 + n, *w6 = w5 + n, *w7 = w6 + n;
    uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
    for (; n >= 8; n -= 8, x += 8, w0 += 8, w1 += 8, w2 += 8, w3 += 8, w4 += 8, w5 += 8, w6 += 8, w7 += 8) {
        TML_DOT_8_TAP(0);
        TML_DOT_8_TAP(1);
        TML_DOT_8_TAP(2);
        TML_DOT_8_TAP(3);
        TML_DOT_8_TAP(4);
        TML_DOT_8_TAP(5);
        TML_DOT_8_TAP(6);
        TML_DOT_8_TAP(7);
    }
    for (uint32_t i = 0; i < n; i++) {
        TML_DOT_8_TAP(i);
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
    sums[4] = s4, sums[5] = s5, sums[6] = s6, sums[7] = s7;
}

// One pixel of a tap times two channels.
#define TML_TILE_PIXEL(p, i) \
    do { \
        int32_t value_ = x[4 * (i) + p]; \
        s0##p += (uint32_t)(value_ * weight0_); \
        s1##p += (uint32_t)(value_ * weight1_); \
        TML_IN_ORDER(s0##p, s1##p); \
    } while (0)
#define TML_TILE_TAP(i) \
    do { \
        int32_t weight0_ = w0[i], weight1_ = w1[i]; \
        TML_TILE_PIXEL(0, i); \
        TML_TILE_PIXEL(1, i); \
        TML_TILE_PIXEL(2, i); \
        TML_TILE_PIXEL(3, i); \
    } while (0)

// Four pixels times two channels: x [n][4], w [2][n], sums [2 channels][4 pixels]. 6 loads for 8 products; wants 14 registers.
static inline void tml_tile_2(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sums[8]) {
    const int8_t *w0 = w, *w1 = w0 + n, *end = w1;
    uint32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
    for (const int8_t *stop = w + n / 4 * 4; w0 != stop; x += 16, w0 += 4, w1 += 4) {
        TML_TILE_TAP(0);
        TML_TILE_TAP(1);
        TML_TILE_TAP(2);
        TML_TILE_TAP(3);
    }
    for (; w0 != end; x += 4, w0++, w1++) {
        TML_TILE_TAP(0);
    }
    sums[0] = s00, sums[1] = s01, sums[2] = s02, sums[3] = s03;
    sums[4] = s10, sums[5] = s11, sums[6] = s12, sums[7] = s13;
}

// Four pixels times four channels.
static inline void tml_tile(const int8_t *x, const int8_t *w, uint32_t n, uint32_t sums[16]) {
    tml_tile_2(x, w, n, sums);
    tml_tile_2(x, w + 2 * n, n, sums + 8);
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
