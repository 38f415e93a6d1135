// What the SWAR primitives do, in C: the definition that the assembly in kernels/m0plus/swar.c must equal bit for bit.
#ifndef TML_MK_SWAR_MODELS_H
#define TML_MK_SWAR_MODELS_H

#include <stdint.h>

// Four output pixels of consecutive output channels.
typedef struct {
    const uint32_t *x; // 2 words per weight: pixels 0 and 1, pixels 2 and 3
    int8_t *out; // pixel 0, first channel
    uint32_t pixel_stride; // bytes between pixels of the output
    uint32_t weight_bytes; // of one channel, a multiple of 4
    const int8_t *out_end; // where `out` stands behind the last channel
    const uint32_t *stream; // per channel: start, weights, bytes of the rest, the rest, tml_swar_scale_t
} tml_swar_dot_t;

// How an accumulator becomes an output byte: clamp to 0 .. limit, then bits 24-31 of acc * factor + offset, the factor being
// factor_high + factor_low / 2^factor_bits. Products below `negative` are those of accumulators below zero, which round their ties
// away from zero, that is down: they lose 2^(factor_bits + 1), half of what ties are apart. 0: none of those count.
typedef struct {
    uint32_t offset;
    uint32_t limit;
    uint32_t factor_high;
    uint32_t factor_low;
    uint32_t factor_bits; // 0 to 30
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

// lanes[2 i] = low[i] + (high[i] << 16).
static inline void tml_swar_model_pack(uint32_t *lanes, const int8_t *low, const int8_t *high, uint32_t n) {
    for (const int8_t *end = low + n; low < end; lanes += 2) {
        *lanes = (uint32_t)*low++ + ((uint32_t)*high++ << 16);
    }
}

static inline int8_t tml_swar_scale(uint32_t acc, const tml_swar_scale_t *scale) {
    acc = (acc >> 31) != 0 ? 0 : acc > scale->limit ? scale->limit : acc;
    uint32_t product = acc * scale->factor_high + ((acc * scale->factor_low) >> scale->factor_bits);
    uint32_t tie = product < scale->negative ? UINT32_C(2) << scale->factor_bits : 0;
    return (int8_t)((product - tie + scale->offset) >> 24);
}

// One weight of the rest: what was taken off a weight so that its window holds. Bits 0-15: bytes from x to its lanes; 16-31: it.
static inline void tml_swar_add_rest(const uint32_t *x, uint32_t entry, uint32_t window[2]) {
    const uint32_t *lanes = x + (entry & 0xffff) / 4;
    window[0] += tml_swar_high(entry) * lanes[0];
    window[1] += tml_swar_high(entry) * lanes[1];
}

// The accumulators of one channel; returns where its scale lies.
static inline const uint32_t *tml_swar_accumulate(const tml_swar_dot_t *job, const uint32_t *stream, tml_swar_sums_t sums[2]) {
    const uint32_t *x = job->x;
    sums[0].high = sums[1].high = *stream;
    sums[0].total = sums[1].total = *stream * 0x10001;
    stream++;
    for (const uint32_t *end = stream + job->weight_bytes / 4; stream < end; stream++) {
        uint32_t window[2] = {0, 0};
        for (unsigned shift = 0; shift < 32; shift += 8, x += 2) {
            uint32_t weight = (uint32_t)(int8_t)(*stream >> shift);
            window[0] += weight * x[0];
            window[1] += weight * x[1];
        }
        tml_swar_flush(&sums[0], window[0]);
        tml_swar_flush(&sums[1], window[1]);
    }
    const uint32_t *end = stream + 1 + *stream / 4;
    for (stream++; stream < end; stream += 2) {
        uint32_t window[2] = {0, 0};
        tml_swar_add_rest(job->x, stream[0], window);
        tml_swar_add_rest(job->x, stream[1], window);
        tml_swar_flush(&sums[0], window[0]);
        tml_swar_flush(&sums[1], window[1]);
    }
    return stream;
}

static inline void tml_swar_model_dot(const tml_swar_dot_t *job) {
    const uint32_t *stream = job->stream;
    for (int8_t *out = job->out; out != job->out_end; out++) {
        tml_swar_sums_t sums[2];
        stream = tml_swar_accumulate(job, stream, sums);
        const tml_swar_scale_t *scale = (const tml_swar_scale_t *)(const void *)stream;
        stream += sizeof(*scale) / 4;
        out[0] = tml_swar_scale(tml_swar_low_of(&sums[0]), scale);
        out[job->pixel_stride] = tml_swar_scale(sums[0].high, scale);
        out[2 * job->pixel_stride] = tml_swar_scale(tml_swar_low_of(&sums[1]), scale);
        out[3 * job->pixel_stride] = tml_swar_scale(sums[1].high, scale);
    }
}

#endif // TML_MK_SWAR_MODELS_H
