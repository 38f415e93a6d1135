// From microphone samples to the features that micro_speech and microWakeWord were trained on.
#ifndef TML_AUDIO_FRONTEND_H
#define TML_AUDIO_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>

#include "fft.h"

// All there is between two calls, and room to compute in.
typedef struct {
    uint16_t hop, n_samples; // from one frame to the next, 1 to 480; held back, less than 480
    uint32_t noise[TML_AUDIO_CHANNELS];
    int16_t samples[TML_AUDIO_WINDOW];
    tml_bin_t bins[TML_FFT_VALUES];
} tml_audio_t;

// Silence before the first sample. hop: 1 to 480 samples.
void tml_audio_reset(tml_audio_t *audio, unsigned hop);

// Takes samples, little-endian and on any address, until they are used up or complete a frame; returns how many it took.
// frame: 40 features in 1/64 of a neper, written when *is_complete is set.
size_t tml_audio_feed(tml_audio_t *audio, const uint8_t *samples, size_t n, uint16_t *frame, bool *is_complete);

#endif
