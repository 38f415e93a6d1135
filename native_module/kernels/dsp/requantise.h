// From an accumulator to a byte in four instructions, exact.
//
// tml_requantise rounds acc * multiplier / 2^31 and then shifts with rounding. With twice the accumulator the first rounding is that
// of smmlar, which adds a constant for free: `round` holds half a step of the shift and the output's zero point. The second rounding
// takes ties away from zero, so that negative values need one less; where the zero point is -128 they all end at -128 anyway.
#ifndef TML_DSP_REQUANTISE_H
#define TML_DSP_REQUANTISE_H

#include "kernels/check/bounds.h"
#include "kernels/mk/dsp.h"

// Per output channel, in the stream at `aux`; made by host/tinymlaas/variants/dsp.py, which proves that no sum leaves 32 bits.
typedef struct {
    int32_t bias; // twice the folded bias
    int32_t multiplier;
    int32_t round; // 2^(shift - 1), or 0 when shift is 0, plus zero point * 2^shift
    int32_t shift; // to the right
} tml_dsp_channel_t;

// twice: two times the accumulator, bias included. exact_ties: false where the zero point is -128.
static inline int8_t tml_dsp_requantise(uint32_t twice, const tml_dsp_channel_t *channel, bool exact_ties) {
    int32_t value = (int32_t)twice;
    uint32_t round = (uint32_t)channel->round - (exact_ties && value < 0);
    return (int8_t)tml_saturate_8(tml_add_high_word(value, channel->multiplier, (int32_t)round) >> channel->shift);
}

// The stream lies inside the constants and no shift is too long. Nothing else in it can do harm: all sums wrap.
static inline tml_status_t tml_check_dsp_channels(const tml_bounds_t *bounds, uint32_t aux, uint32_t aux_bytes, uint32_t count) {
    if (aux_bytes != count * sizeof(tml_dsp_channel_t)) {
        return tml_fail(bounds, TML_SHAPE, aux_bytes, count * (uint32_t)sizeof(tml_dsp_channel_t));
    }
    TML_TRY(tml_check_constants(bounds, aux, aux_bytes));
    const tml_dsp_channel_t *channels = (const tml_dsp_channel_t *)(const void *)(bounds->module + aux);
    for (uint32_t i = 0; i < count; i++) {
        if (channels[i].shift < 0 || channels[i].shift > 31) {
            return tml_fail(bounds, TML_QUANTISATION, i, 0);
        }
    }
    return TML_OK;
}

// The scratch holds words, is inside the arena, no smaller than needed, and shares no byte with input and output.
static inline tml_status_t tml_check_dsp_scratch(const tml_bounds_t *bounds, const tml_span_t *scratch, uint64_t needed, const tml_span_t spans[2]) {
    if (scratch->offset % 4 != 0 || needed > bounds->arena_bytes) {
        return tml_fail(bounds, TML_SHAPE, scratch->bytes, (uint32_t)needed);
    }
    return tml_check_scratch(bounds, scratch, (uint32_t)needed, &spans[0], &spans[1]);
}

// What an activation other than the whole range of int8 needs after the saturation.
static inline void tml_dsp_clamp(int8_t *out, uint32_t n, int32_t low, int32_t high) {
    if (low == INT8_MIN && high == INT8_MAX) {
        return;
    }
    for (const int8_t *end = out + n; out < end; out++) {
        *out = (int8_t)(*out < low ? low : *out > high ? high : *out);
    }
}

#endif // TML_DSP_REQUANTISE_H
