#include "quantise.h"

void tml_audio_quantise(int8_t *out, const uint16_t *frame, size_t n, const tml_audio_scaling_t *scaling) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t scaled = (frame[i] * scaling->numerator + scaling->denominator / 2) / scaling->denominator;
        const int32_t value = (int32_t)(scaled < 255 ? scaled : 255) + scaling->zero_point;
        out[i] = (int8_t)(value < 127 ? value : 127);
    }
}
