// Brings the input under four windows into the order of tml_dsp_tiles.
#ifndef TML_DSP_GATHER_H
#define TML_DSP_GATHER_H

#include "kernels/mk/dsp.h"
#include "tml_kernels.h"

// One pixel's place in x: pairs of even inputs, four words further those of odd inputs, eight words further the next quad.
static inline uint32_t *tml_dsp_expand_quad(const int8_t *from, uint32_t *x) {
    uint32_t word = tml_load_word(from);
    x[0] = tml_sxtb16(word);
    x[4] = tml_sxtb16_odd(word);
    return x + 8;
}

// 4 * quads bytes of one pixel; from any address.
static inline uint32_t *tml_dsp_expand(const int8_t *from, uint32_t quads, uint32_t *x) {
    for (; quads >= 4; quads -= 4, from += 16, x += 32) {
        tml_dsp_expand_quad(from, x);
        tml_dsp_expand_quad(from + 4, x + 8);
        tml_dsp_expand_quad(from + 8, x + 16);
        tml_dsp_expand_quad(from + 12, x + 24);
    }
    for (; quads > 0; quads--, from += 4) {
        x = tml_dsp_expand_quad(from, x);
    }
    return x;
}

// The same for a value all of them share.
static inline uint32_t *tml_dsp_fill(int8_t value, uint32_t quads, uint32_t *x) {
    uint32_t pair = (uint16_t)value * 0x10001u;
    for (; quads > 0; quads--, x += 8) {
        x[0] = pair;
        x[4] = pair;
    }
    return x;
}

#endif // TML_DSP_GATHER_H
