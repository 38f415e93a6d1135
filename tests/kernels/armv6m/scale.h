// A random tml_swar_scale_t: any numbers but for the limit, below 2^31, and factor_bits, which the loader bounds.
#ifndef SCALE_H
#define SCALE_H

#include "check.h"
#include "kernels/mk/swar.h"

static inline tml_swar_scale_t draw_scale(bool ties) {
    const uint32_t any = random_from(0, 1);
    const tml_swar_scale_t scale = {
        .offset = random_word(),
        .limit = random_word() >> random_from(1, 20),
        .factor_high = any ? random_word() : random_from(0, 1 << 12),
        .factor_low = any ? random_word() : random_from(0, 1 << 8),
        .factor_bits = random_from(0, 30),
        .negative = ties && random_from(0, 1) ? random_word() : 0,
    };
    return scale;
}

#endif // SCALE_H
