// Noise suppression, per-channel gain (PCAN) and logarithm, each in 32 bits: products of 32 by 16 bits are made of two.
#include "gain.h"

#include "tables.h"

#define SHARE_BITS (14) // of the three shares
#define ONE (1 << SHARE_BITS)
// How much of a frame's amplitude goes into the estimate of the noise: 0.025 and 0.06. What remains at least: 0.05.
#define EVEN_SHARE (409)
#define ODD_SHARE (983)
#define FLOOR_SHARE (819)
#define NOISE_BITS (10)

#define SNR_BITS (12)
#define SNR_SHIFT (6)
#define LOUDNESS_BITS (6)

#define LOG_INPUT_BITS (3)
#define LOG_SCALE_BITS (6)
#define LN_2 (45426) // in 16 bits

// 32 - clz, without an instruction for it.
static unsigned bit_length(uint32_t x) {
    unsigned n = 0;
    for (unsigned step = 16; step > 0; step >>= 1) {
        if (x >> step != 0) {
            x >>= step;
            n += step;
        }
    }
    return n + (x != 0);
}

// (x * a + y * b) >> bits, for a + b < 2^16 and bits <= 16.
static inline uint32_t blend(uint32_t x, uint32_t a, uint32_t y, uint32_t b, unsigned bits) {
    const uint32_t high = (x >> 16) * a + (y >> 16) * b;
    const uint32_t low = (x & 0xffff) * a + (y & 0xffff) * b;
    return (high << (16 - bits)) + (low >> bits);
}

static uint32_t without_noise(uint32_t amplitude, uint32_t *noise, unsigned is_odd) {
    const uint32_t share = is_odd ? ODD_SHARE : EVEN_SHARE;
    const uint32_t now = amplitude << NOISE_BITS;
    *noise = blend(now, share, *noise, ONE - share, SHARE_BITS);
    const uint32_t least = blend(amplitude, FLOOR_SHARE, 0, 0, SHARE_BITS);
    const uint32_t rest = *noise >= now ? 0 : (now - *noise) >> NOISE_BITS;
    return rest > least ? rest : least;
}

// A parabola for each power of two.
static int16_t pcan_gain(uint32_t noise) {
    if (noise <= 2) {
        return tml_audio_pcan_gain[noise];
    }
    const unsigned bits = bit_length(noise);
    const int16_t *y = tml_audio_pcan_gain + 2 + 3 * (bits - 2);
    const int32_t x = (bits < 11 ? noise << (11 - bits) : noise >> (bits - 11)) & 0x3ff;
    int32_t curve = ((y[2] * x) >> 5) + y[1] * 32;
    curve = (curve * x + (1 << 14)) >> 15;
    return (int16_t)(y[0] + curve);
}

static uint32_t loudness(uint32_t snr) {
    if (snr < 2 << SNR_BITS) {
        return (snr * snr) >> (2 + 2 * SNR_BITS - LOUDNESS_BITS);
    }
    return (snr >> (SNR_BITS - LOUDNESS_BITS)) - (1 << LOUDNESS_BITS);
}

// Fractional part of log2, in 16 bits: x itself and how far the curve bends away from it, by a table.
static uint32_t log2_fraction(uint32_t x, unsigned exponent) {
    const uint32_t rest = x - ((uint32_t)1 << exponent);
    const uint32_t fraction = exponent < 16 ? rest << (16 - exponent) : rest >> (exponent - 16);
    const int16_t *bend = tml_audio_log_bend + (fraction >> 9);
    const int32_t between = ((bend[1] - bend[0]) * (int32_t)(fraction & 511)) >> 16;
    return fraction + (uint32_t)(bend[0] + between);
}

static uint32_t scaled_logarithm(uint32_t x) {
    if (x <= 1) {
        return 0;
    }
    const unsigned exponent = bit_length(x) - 1;
    const uint32_t natural = LN_2 * exponent + ((LN_2 * log2_fraction(x, exponent) + 0x8000) >> 16);
    return ((natural << LOG_SCALE_BITS) + 0x8000) >> 16;
}

uint16_t tml_audio_feature(uint32_t amplitude, uint32_t *noise, unsigned is_odd) {
    const uint32_t clean = without_noise(amplitude, noise, is_odd);
    const uint32_t snr = blend(clean, (uint32_t)pcan_gain(*noise), 0, 0, SNR_SHIFT);
    return (uint16_t)scaled_logarithm(loudness(snr) << LOG_INPUT_BITS);
}
