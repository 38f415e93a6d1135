// What the SWAR primitives do, in C: the definition that the assembly in kernels/m0plus/swar.c must equal bit for bit.
#ifndef TML_MK_SWAR_MODELS_H
#define TML_MK_SWAR_MODELS_H

#include <stdbool.h>
#include <stdint.h>

// Where the lanes of four pixels come from: rows of a patch each.
typedef struct {
    const int8_t *pixels[4]; // their first rows
    uint32_t strides[4]; // bytes from row to row
    uint32_t row_bytes;
    uint32_t *lanes; // 2 words per byte: pixels 0 and 1, pixels 2 and 3
    const uint32_t *lanes_end;
} tml_swar_patch_t;

// Four output pixels of consecutive output channels. Or two: then pixels 2 and 3 are pixels 0 and 1 again, and pixels[1] is 0.
typedef struct {
    const uint32_t *x; // 8 words of lanes per word of weights
    int8_t *out; // pixel 0, first channel
    uint32_t pixels[3]; // bytes from pixel 0 of the output to pixels 1, 2 and 3
    uint32_t words; // of weights of a channel
    const uint32_t *stream; // flags of the first channel, then channels: start, weights unless sparse, bytes of the rest, the rest,
                            // tml_swar_scale_t
} tml_swar_dot_t;

// In factor_bits of a channel's scale.
#define TML_SWAR_TIES (1u << 8) // `negative` counts; otherwise it is left out
#define TML_SWAR_SPARSE (1u << 9) // the next channel has no weights but the rest
#define TML_SWAR_LAST (1u << 10) // there is no next channel

// How an accumulator becomes an output byte: clamp to 0 .. limit, then bits 24-31 of acc * factor + offset, the factor being
// factor_high + factor_low / 2^factor_bits. Products below `negative` are those of accumulators below zero, which round their ties
// away from zero, that is down: they lose 2^(factor_bits + 1), half of what ties are apart. 0: none of those count.
typedef struct {
    uint32_t offset;
    uint32_t limit; // below 2^31
    uint32_t factor_high;
    uint32_t factor_low;
    uint32_t factor_bits; // 0 to 30; above bit 7, flags
    uint32_t negative;
} tml_swar_scale_t;

// The two sums of a lane pair.
typedef struct {
    uint32_t total;
    uint32_t high;
} tml_swar_sums_t;

// S >> 16 with the sign kept, written without shifting a negative number.
static inline uint32_t tml_swar_high(uint32_t sum) {
    return ((sum >> 16) ^ 0x8000) - 0x8000;
}

static inline void tml_swar_flush(tml_swar_sums_t *sums, uint32_t window) {
    sums->total += window;
    sums->high += tml_swar_high(window + 0x8000);
}

static inline uint32_t tml_swar_low_of(const tml_swar_sums_t *sums) {
    return sums->total - (sums->high << 16);
}

// lanes[2 i] = pixel 0 + (pixel 1 << 16), lanes[2 i + 1] the same of pixels 2 and 3.
static inline void tml_swar_model_pack_patch(const tml_swar_patch_t *job) {
    const int8_t *rows[4] = {job->pixels[0], job->pixels[1], job->pixels[2], job->pixels[3]};
    for (uint32_t *lanes = job->lanes; lanes != job->lanes_end;) {
        for (uint32_t i = 0; i < job->row_bytes; i++) {
            *lanes++ = (uint32_t)rows[0][i] + ((uint32_t)rows[1][i] << 16);
            *lanes++ = (uint32_t)rows[2][i] + ((uint32_t)rows[3][i] << 16);
        }
        for (unsigned i = 0; i < 4 && lanes != job->lanes_end; i++) {
            rows[i] += job->strides[i];
        }
    }
}

static inline int8_t tml_swar_scale(uint32_t acc, const tml_swar_scale_t *scale) {
    acc = (acc >> 31) != 0 ? 0 : acc > scale->limit ? scale->limit : acc;
    uint32_t product = acc * scale->factor_high + ((acc * scale->factor_low) >> scale->factor_bits);
    uint32_t tie = product < scale->negative ? UINT32_C(2) << scale->factor_bits : 0;
    return (int8_t)((product - tie + scale->offset) >> 24);
}

// One weight of the rest: what was taken off a weight so that its window holds, or a weight of a sparse channel. Bits 0-15: bytes from
// the end of the lanes to its own, negative; 16-31: it.
static inline void tml_swar_add_rest(const uint32_t *end, uint32_t entry, uint32_t window[2]) {
    const uint32_t *lanes = end + (int16_t)(entry & 0xffff) / 4;
    window[0] += tml_swar_high(entry) * lanes[0];
    window[1] += tml_swar_high(entry) * lanes[1];
}

// All weights of a channel, four to a window; returns where they end.
static inline const uint32_t *tml_swar_add_words(const tml_swar_dot_t *job, const uint32_t *stream, tml_swar_sums_t sums[2]) {
    const uint32_t *x = job->x;
    for (const uint32_t *end = stream + job->words; stream < end; stream++) {
        uint32_t window[2] = {0, 0};
        for (unsigned shift = 0; shift < 32; shift += 8, x += 2) {
            uint32_t weight = (uint32_t)(int8_t)(*stream >> shift);
            window[0] += weight * x[0];
            window[1] += weight * x[job->pixels[1] == 0 ? 0 : 1];
        }
        tml_swar_flush(&sums[0], window[0]);
        tml_swar_flush(&sums[1], window[1]);
    }
    return stream;
}

// The accumulators of one channel; returns where its scale lies.
static inline const uint32_t *tml_swar_accumulate(const tml_swar_dot_t *job, const uint32_t *stream, bool sparse, tml_swar_sums_t sums[2]) {
    sums[0].high = sums[1].high = *stream;
    sums[0].total = sums[1].total = *stream * 0x10001;
    stream++;
    if (!sparse) {
        stream = tml_swar_add_words(job, stream, sums);
    }
    const uint32_t *end = stream + 1 + *stream / 4;
    for (stream++; stream < end; stream += 2) {
        uint32_t window[2] = {0, 0};
        tml_swar_add_rest(job->x + 8 * job->words, stream[0], window);
        tml_swar_add_rest(job->x + 8 * job->words, stream[1], window);
        tml_swar_flush(&sums[0], window[0]);
        tml_swar_flush(&sums[1], window[1]);
    }
    return stream;
}

static inline void tml_swar_model_dot(const tml_swar_dot_t *job) {
    const uint32_t *stream = job->stream;
    uint32_t flags = *stream++;
    for (int8_t *out = job->out; (flags & TML_SWAR_LAST) == 0; out++) {
        tml_swar_sums_t sums[2];
        stream = tml_swar_accumulate(job, stream, (flags & TML_SWAR_SPARSE) != 0, sums);
        flags = stream[4];
        const bool ties = (flags & TML_SWAR_TIES) != 0;
        const tml_swar_scale_t scale = {stream[0], stream[1], stream[2], stream[3], flags & 0xff, ties ? stream[5] : 0};
        stream += ties ? 6 : 5;
        out[0] = tml_swar_scale(tml_swar_low_of(&sums[0]), &scale);
        out[job->pixels[0]] = tml_swar_scale(sums[0].high, &scale);
        out[job->pixels[1]] = tml_swar_scale(tml_swar_low_of(&sums[1]), &scale);
        out[job->pixels[2]] = tml_swar_scale(sums[1].high, &scale);
    }
}

#endif // TML_MK_SWAR_MODELS_H
