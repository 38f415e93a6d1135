// Two products per multiplication: the inner part of CONV_2D for cores with some 25 registers.
//
// A word holds two pixels, x0 + (x1 << 16), and one multiplication by a weight gives both products. Weights come in windows of four,
// whose magnitudes the compiler has made sum up to at most 255: with |x| <= 128 the lower product sums stay within 16 bits, so that
// after each window the upper ones can be split off. What a window had to give up follows as a list of single weights (`rest`).
#ifndef TML_RV32_PAIRS_H
#define TML_RV32_PAIRS_H

#include <stdint.h>

#define TML_PAIRS_WINDOW (4) // weights
#define TML_PAIRS_HALF (0x8000u) // makes lower sums unsigned while upper ones are split off

// What the whole of one pair of pixels has come to: all sums of a window, and the upper ones.
typedef struct {
    uint32_t all, upper;
} tml_pair_t;

// Keeps the compiler from doing the loads of later taps here: it would have more values alive than registers.
#define TML_PAIRS_IN_ORDER(a, b) __asm volatile ("" : "+r" (a), "+r" (b) : : "memory")

// One tap of two channels and two pairs.
#define TML_PAIRS_TAP(i) \
    do { \
        uint32_t first_ = x[2 * (i)], second_ = x[2 * (i) + 1], weight_ = (uint32_t)(int32_t)w0[i]; \
        s00 += first_ * weight_; \
        s01 += second_ * weight_; \
        TML_PAIRS_IN_ORDER(s00, s01); \
        weight_ = (uint32_t)(int32_t)w1[i]; \
        s10 += first_ * weight_; \
        s11 += second_ * weight_; \
        TML_PAIRS_IN_ORDER(s10, s11); \
    } while (0)

#define TML_PAIRS_SPLIT(sum, all, upper) (all += sum, upper += (uint32_t)((int32_t)sum >> 16))

// x [4 * windows][2 pairs], w [2 channels][4 * windows] → sums [2 channels][2 pairs].
static inline void tml_pairs(const uint32_t *x, const int8_t *w, uint32_t windows, tml_pair_t sums[4]) {
    const int8_t *w0 = w, *w1 = w + TML_PAIRS_WINDOW * windows, *end = w1;
    uint32_t all00 = 0, all01 = 0, all10 = 0, all11 = 0, upper00 = 0, upper01 = 0, upper10 = 0, upper11 = 0;
    for (; w0 != end; x += 2 * TML_PAIRS_WINDOW, w0 += TML_PAIRS_WINDOW, w1 += TML_PAIRS_WINDOW) {
        uint32_t s00 = TML_PAIRS_HALF, s01 = TML_PAIRS_HALF, s10 = TML_PAIRS_HALF, s11 = TML_PAIRS_HALF;
        TML_PAIRS_TAP(0);
        TML_PAIRS_TAP(1);
        TML_PAIRS_TAP(2);
        TML_PAIRS_TAP(3);
        TML_PAIRS_SPLIT(s00, all00, upper00);
        TML_PAIRS_SPLIT(s01, all01, upper01);
        TML_PAIRS_SPLIT(s10, all10, upper10);
        TML_PAIRS_SPLIT(s11, all11, upper11);
    }
    const uint32_t halves = windows * TML_PAIRS_HALF;
    sums[0] = (tml_pair_t) {all00 - halves, upper00};
    sums[1] = (tml_pair_t) {all01 - halves, upper01};
    sums[2] = (tml_pair_t) {all10 - halves, upper10};
    sums[3] = (tml_pair_t) {all11 - halves, upper11};
}

// Adds single weights of one channel: each entry is the number of a tap and, in the upper half, its weight.
static inline void tml_pairs_rest(const uint32_t *x, const uint32_t *entry, const uint32_t *end, tml_pair_t sums[2]) {
    for (; entry < end; entry++) {
        const uint32_t *tap = x + 2 * (*entry & 0xffff), weight = (uint32_t)((int32_t)*entry >> 16);
        uint32_t first = tap[0] * weight, second = tap[1] * weight;
        sums[0].all += first;
        sums[0].upper += (uint32_t)((int32_t)(first + TML_PAIRS_HALF) >> 16);
        sums[1].all += second;
        sums[1].upper += (uint32_t)((int32_t)(second + TML_PAIRS_HALF) >> 16);
    }
}

// The four pixels' sums.
static inline void tml_pairs_unpack(const tml_pair_t sums[2], uint32_t pixels[4]) {
    pixels[0] = sums[0].all - (sums[0].upper << 16);
    pixels[1] = sums[0].upper;
    pixels[2] = sums[1].all - (sums[1].upper << 16);
    pixels[3] = sums[1].upper;
}

#endif // TML_RV32_PAIRS_H
