#include "frontend.h"

#include <string.h>

#include "filterbank.h"
#include "gain.h"

void tml_audio_reset(tml_audio_t *audio, unsigned hop) {
    memset(audio, 0, sizeof(*audio));
    audio->hop = (uint16_t)hop;
}

static int32_t windowed(const int16_t *samples, unsigned i) {
    const unsigned mirrored = i < TML_AUDIO_WINDOW / 2 ? i : TML_AUDIO_WINDOW - 1 - i;
    const int32_t weight = tml_audio_window[mirrored] - (i == TML_AUDIO_UNEVEN);
    return samples[i] * weight >> TML_AUDIO_WEIGHT_BITS;
}

static int32_t larger(int32_t a, int32_t b) {
    const int32_t magnitude = b < 0 ? -b : b;
    // -32768 has no magnitude in 16 bits, in the training of the models either.
    return magnitude > a && magnitude <= 0x7fff ? magnitude : a;
}

// Puts the window's samples where the FFT wants them, zeros after them; returns the largest magnitude.
static int32_t fill(tml_bin_t *bins, const int16_t *samples) {
    int32_t largest = 0;
    unsigned n = 0;
    for (; n < TML_AUDIO_WINDOW / 2; n++) {
        const int32_t even = windowed(samples, 2 * n), odd = windowed(samples, 2 * n + 1);
        largest = larger(larger(largest, even), odd);
        bins[tml_fft_place(n)].value = (tml_complex_t) {(int16_t)even, (int16_t)odd};
    }
    for (; n < TML_FFT_VALUES; n++) {
        bins[tml_fft_place(n)].power = 0;
    }
    return largest;
}

// By how much 16-bit samples can be shifted left.
static unsigned headroom(int32_t largest) {
    unsigned shift = 15;
    for (; largest != 0; largest >>= 1) {
        shift--;
    }
    return shift;
}

static void make_frame(tml_audio_t *audio, uint16_t *frame) {
    const unsigned shift = headroom(fill(audio->bins, audio->samples));
    tml_fft_power(audio->bins, shift);
    tml_filterbank(audio->bins, shift);
    for (unsigned i = 0; i < TML_AUDIO_CHANNELS; i++) {
        frame[i] = tml_audio_feature(audio->bins[i].power, &audio->noise[i], i & 1);
    }
}

size_t tml_audio_feed(tml_audio_t *audio, const uint8_t *samples, size_t n, uint16_t *frame, bool *is_complete) {
    const size_t wanted = TML_AUDIO_WINDOW - audio->n_samples;
    const size_t taken = n < wanted ? n : wanted;
    const unsigned hop = audio->hop; // before a frame is written: Python may have put that over the state
    memcpy(audio->samples + audio->n_samples, samples, taken * sizeof(int16_t));
    audio->n_samples = (uint16_t)(audio->n_samples + taken);
    *is_complete = taken == wanted;
    if (*is_complete) {
        make_frame(audio, frame);
        audio->n_samples = (uint16_t)(TML_AUDIO_WINDOW - hop);
        memmove(audio->samples, audio->samples + hop, audio->n_samples * sizeof(int16_t));
    }
    return taken;
}
