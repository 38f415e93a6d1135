// Triangular filters on the mel scale. A bin between the peaks of two channels counts for both, with weights that add up to 1.
#include "filterbank.h"

#include <stdbool.h>

#define ONE (1 << TML_AUDIO_WEIGHT_BITS)

// A sum of weight times power, high * 65536 + low, without 64-bit products; audiotables.py checks that neither overflows.
typedef struct {
    uint32_t high, low;
} sum_t;

static inline void add(sum_t *sum, uint32_t weight, uint32_t power) {
    sum->high += weight * (power >> 16);
    sum->low += weight * (power & 0xffff);
}

// One more binary digit of a square root: takes the next two bits of the number.
static inline void next_digit(uint32_t *root, uint32_t *rest, uint32_t bits) {
    *rest = *rest << 2 | bits;
    const uint32_t trial = *root << 2 | 1;
    *root <<= 1;
    if (*rest >= trial) {
        *rest -= trial;
        *root |= 1;
    }
}

// Square root of a 48-bit number, rounded to nearest; of one that fits in 32 bits it is at most 65535.
static uint32_t square_root(sum_t sum) {
    uint32_t top = sum.high + (sum.low >> 16), root = 0, rest = 0;
    const bool is_small = top <= 0xffff;
    for (unsigned i = 0; i < 16; i++, top <<= 2) {
        next_digit(&root, &rest, top >> 30);
    }
    for (unsigned shift = 16; shift > 0; shift -= 2) {
        next_digit(&root, &rest, sum.low >> (shift - 2) & 3);
    }
    return root + (rest > root && !(is_small && root == 0xffff));
}

void tml_filterbank(tml_bin_t *bins, unsigned shift) {
    const tml_bin_t *bin = bins + TML_AUDIO_FIRST_BIN;
    const uint16_t *weight = tml_audio_bin_weight;
    sum_t below, above = {0, 0};
    for (unsigned region = 0; region < TML_AUDIO_REGIONS; region++) {
        below = above;
        above = (sum_t) {0, 0};
        for (unsigned n = tml_audio_region_bins[region]; n > 0; n--, bin++, weight++) {
            add(&below, *weight, bin->power);
            add(&above, ONE - *weight, bin->power);
        }
        // What lies below the first peak's region belongs to no channel. The places written have been read.
        if (region > 0) {
            bins[region - 1].power = square_root(below) >> shift;
        }
    }
}
