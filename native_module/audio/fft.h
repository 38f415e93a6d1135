#ifndef TML_AUDIO_FFT_H
#define TML_AUDIO_FFT_H

#include <stdint.h>

#include "tables.h"

// Half as many complex values as there are real points.
#define TML_FFT_VALUES (TML_AUDIO_POINTS / 2)

typedef struct {
    int16_t re, im;
} tml_complex_t;

// A bin of the spectrum, then its power in the same place.
typedef union {
    tml_complex_t value;
    uint32_t power;
} tml_bin_t;

// Where complex value n of the input (samples 2n and 2n + 1) has to lie: base-4 digits reversed.
static inline unsigned tml_fft_place(unsigned n) {
    return (n & 3) << 6 | (n & 12) << 2 | (n >> 2 & 12) | n >> 6;
}

// Real FFT of 512 points, scaled by 1/512, in place: the input in the order of tml_fft_place, each sample first shifted left
// by `shift`, which must not overflow it. Then bins 1 to 255 hold their power, re * re + im * im; bin 0 is of no use.
void tml_fft_power(tml_bin_t *bins, unsigned shift);

#endif
