#ifndef TML_AUDIO_QUANTISE_H
#define TML_AUDIO_QUANTISE_H

#include <stddef.h>
#include <stdint.h>

// A feature times a fraction, rounded to nearest (half away from zero), and a zero point.
typedef struct {
    uint32_t numerator, denominator; // 1 to TML_AUDIO_FRACTION
    int32_t zero_point; // -128 to 127
} tml_audio_scaling_t;

// Largest number in a fraction: times the largest feature, 1420, it fits in 32 bits.
#define TML_AUDIO_FRACTION (1 << 21)

void tml_audio_quantise(int8_t *out, const uint16_t *frame, size_t n, const tml_audio_scaling_t *scaling);

#endif
