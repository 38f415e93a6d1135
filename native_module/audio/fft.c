// Fixed-point FFT in radix 4, decimation in time. Every operand is scaled before it is added, and every product rounded to 16
// bits, at the places where the front-end's models had it in training: kissfft's, with 16-bit samples.
#include "fft.h"

#define ROUND (1 << 14)
// Of 1/4 and 1/2 in 15 bits, as 32767 / 4 and 32767 / 2.
#define QUARTER (8191)
#define HALF (16383)

static inline int32_t scaled(int32_t x, int32_t factor) {
    return (x * factor + ROUND) >> 15;
}

// cos and -sin of i / 512 of a turn, i < 384.
static tml_complex_t unit(unsigned i) {
    const int16_t *wave = tml_audio_cosine;
    if (i <= 128) {
        return (tml_complex_t) {wave[i], (int16_t)-wave[128 - i]};
    }
    if (i <= 256) {
        return (tml_complex_t) {(int16_t)-wave[256 - i], (int16_t)-wave[i - 128]};
    }
    return (tml_complex_t) {(int16_t)-wave[i - 256], wave[384 - i]};
}

// Two parts in 32 bits each: the sums of four scaled values that follow fit, and wrap only when stored.
typedef struct {
    int32_t re, im;
} wide_t;

static inline wide_t quarter_of(const tml_complex_t *x) {
    return (wide_t) {scaled(x->re, QUARTER), scaled(x->im, QUARTER)};
}

static inline wide_t turned(wide_t x, tml_complex_t by) {
    return (wide_t) {
               (x.re * by.re - x.im * by.im + ROUND) >> 15,
               (x.re * by.im + x.im * by.re + ROUND) >> 15,
    };
}

static inline void store(tml_bin_t *bin, int32_t re, int32_t im) {
    bin->value = (tml_complex_t) {(int16_t)re, (int16_t)im};
}

// Four values of a butterfly, `step` apart, already scaled and turned.
static inline void combine(tml_bin_t *x, unsigned step, wide_t a, wide_t b, wide_t c, wide_t d) {
    const wide_t sum = {a.re + c.re, a.im + c.im}, difference = {a.re - c.re, a.im - c.im};
    const wide_t odd = {b.re + d.re, b.im + d.im}, turn = {b.re - d.re, b.im - d.im};
    store(&x[0], sum.re + odd.re, sum.im + odd.im);
    store(&x[step], difference.re + turn.im, difference.im - turn.re);
    store(&x[2 * step], sum.re - odd.re, sum.im - odd.im);
    store(&x[3 * step], difference.re - turn.im, difference.im + turn.re);
}

static inline wide_t shifted_quarter(const tml_bin_t *x, unsigned shift) {
    const int32_t factor = QUARTER << shift; // at most 28 bits; the sample has 16 - shift
    return (wide_t) {scaled(x->value.re, factor), scaled(x->value.im, factor)};
}

// Factors of the first stage are all 1.
static void first_stage(tml_bin_t *x, unsigned shift) {
    for (tml_bin_t *end = x + TML_FFT_VALUES; x < end; x += 4) {
        combine(x, 1, shifted_quarter(&x[0], shift), shifted_quarter(&x[1], shift),
            shifted_quarter(&x[2], shift), shifted_quarter(&x[3], shift));
    }
}

// Butterflies of one stage that share their factors.
static void same_factors(tml_bin_t *x, const tml_bin_t *end, unsigned step, unsigned angle) {
    const tml_complex_t once = unit(angle), twice = unit(2 * angle), thrice = unit(3 * angle);
    for (; x < end; x += 4 * step) {
        combine(x, step, quarter_of(&x[0].value), turned(quarter_of(&x[step].value), once),
            turned(quarter_of(&x[2 * step].value), twice), turned(quarter_of(&x[3 * step].value), thrice));
    }
}

// Splits the transform of complex values into that of the real samples: bins k and 256 - k, from both.
static void split(tml_bin_t *low, tml_bin_t *high, unsigned k) {
    const wide_t a = {scaled(low->value.re, HALF), scaled(low->value.im, HALF)};
    const wide_t b = {scaled(high->value.re, HALF), scaled((int16_t)-high->value.im, HALF)};
    const wide_t sum = {a.re + b.re, a.im + b.im};
    // A quarter turn further than bin k itself.
    const wide_t odd = turned((wide_t) {a.re - b.re, a.im - b.im}, unit(k + 128));
    store(low, (sum.re + odd.re) >> 1, (sum.im + odd.im) >> 1);
    store(high, (sum.re - odd.re) >> 1, (odd.im - sum.im) >> 1);
}

static inline void square(tml_bin_t *bin) {
    const int32_t re = bin->value.re, im = bin->value.im;
    bin->power = (uint32_t)(re * re) + (uint32_t)(im * im);
}

void tml_fft_power(tml_bin_t *bins, unsigned shift) {
    first_stage(bins, shift);
    for (unsigned step = 4, angle = 32; step < TML_FFT_VALUES; step *= 4, angle /= 4) {
        for (unsigned k = 0; k < step; k++) {
            same_factors(bins + k, bins + TML_FFT_VALUES, step, k * angle);
        }
    }
    for (unsigned k = 1; k <= TML_FFT_VALUES / 2; k++) {
        split(&bins[k], &bins[TML_FFT_VALUES - k], k);
    }
    for (unsigned k = 1; k < TML_FFT_VALUES; k++) {
        square(&bins[k]);
    }
}
