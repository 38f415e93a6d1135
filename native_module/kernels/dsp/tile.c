#include <stddef.h>

#include "kernels/dsp/tile.h"

#if defined(__ARM_FEATURE_DSP)

_Static_assert(offsetof(tml_dsp_tiles_t, exact_ties) == 28, "the assembly below loads the fields by their offsets");

// Two inputs of two channels and four pixels: 16 MACs in 12 instructions. r0-r3 channel 0, r4-r7 channel 1, r8 x, r9 weights.
#define HALF_QUAD \
    "ldr.w   lr, [r9], #4\n" \
    "ldrd    r10, r11, [r8], #8\n" \
    "sxtb16  r12, lr\n" \
    "smlad   r0, r10, r12, r0\n" \
    "smlad   r4, r10, lr, r4\n" \
    "smlad   r1, r11, r12, r1\n" \
    "smlad   r5, r11, lr, r5\n" \
    "ldrd    r10, r11, [r8], #8\n" \
    "smlad   r2, r10, r12, r2\n" \
    "smlad   r6, r10, lr, r6\n" \
    "smlad   r3, r11, r12, r3\n" \
    "smlad   r7, r11, lr, r7\n"
#define QUAD HALF_QUAD HALF_QUAD
#define QUAD_BYTES "96"

// value: sum * 2 + bias in `scale`; then multiplier r9, round r10, shift r11.
#define REQUANTISE(acc, scale) \
    "add.w   " acc ", r8, " acc ", " scale "\n" \
    "smmlar  " acc ", " acc ", r9, r10\n" \
    "asr.w   " acc ", " acc ", r11\n" \
    "ssat    " acc ", #8, " acc "\n"
#define REQUANTISE_TIES(acc, scale) \
    "add.w   " acc ", r8, " acc ", " scale "\n" \
    "add.w   r12, r10, " acc ", asr #31\n" \
    "smmlar  " acc ", " acc ", r9, r12\n" \
    "asr.w   " acc ", " acc ", r11\n" \
    "ssat    " acc ", #8, " acc "\n"
#define CHANNEL(how, a, b, c, d, scale) \
    "ldmia   lr!, {r8-r11}\n" \
    how(a, scale) how(b, scale) how(c, scale) how(d, scale)
// Both channels; lr: channel stream.
#define BOTH_CHANNELS(how) \
    CHANNEL(how, "r0", "r1", "r2", "r3", "lsl #1") \
    CHANNEL(how, "r4", "r5", "r6", "r7", "asr #7")

// Stack: 0 x, 4 weights, 8 channels, 12 their end, 16 out, 20 stride, 24 end of x, 28 entry of the loop, 32 its continuation, 36 eight zeros.
__attribute__((naked)) void tml_dsp_tiles(__attribute__((unused)) const tml_dsp_tiles_t *tiles) {
    __asm volatile (
        "push    {r4-r11, lr}\n"
        "sub     sp, #68\n"
        "ldmia   r0, {r1-r8}\n" // x, weights, channels, out, stride, pairs, quads, exact_ties
        "add     r6, r3, r6, lsl #5\n"
        "strd    r1, r2, [sp]\n"
        "strd    r3, r6, [sp, #8]\n"
        "strd    r4, r5, [sp, #16]\n"
        "add     r1, r1, r7, lsl #5\n"
        // The loop does four quads a turn and is entered where whole turns remain.
        "rsb     r2, r7, #0\n"
        "and     r2, r2, #3\n"
        "mov     r3, #" QUAD_BYTES "\n"
        "mul     r2, r2, r3\n"
        "adr.w   r3, 2f\n"
        "add     r2, r2, r3\n"
        "orr     r2, r2, #1\n"
        "strd    r1, r2, [sp, #24]\n"
        "adr.w   r2, 3f\n"
        "adr.w   r3, 4f\n"
        "cmp     r8, #0\n"
        "it      ne\n"
        "movne   r2, r3\n"
        "orr     r2, r2, #1\n"
        "mov     r0, #0\n"
        "strd    r2, r0, [sp, #32]\n"
        "strd    r0, r0, [sp, #40]\n"
        "strd    r0, r0, [sp, #48]\n"
        "strd    r0, r0, [sp, #56]\n"
        "str     r0, [sp, #64]\n"
        // Next two channels.
        "1:\n"
        "add     lr, sp, #36\n"
        "ldmia   lr, {r0-r7}\n"
        "ldrd    r8, r9, [sp]\n"
        "ldr     pc, [sp, #28]\n"
        ".balign 4\n"
        "2:\n"
        QUAD QUAD QUAD QUAD
        "ldr     r10, [sp, #24]\n"
        "cmp     r8, r10\n"
        "bne     2b\n"
        "str     r9, [sp, #4]\n"
        "ldr     lr, [sp, #8]\n"
        "sub     r4, r4, r0\n"
        "sub     r5, r5, r1\n"
        "sub     r6, r6, r2\n"
        "sub     r7, r7, r3\n"
        "ldr     pc, [sp, #32]\n"
        ".balign 4\n"
        "4:\n"
        BOTH_CHANNELS(REQUANTISE_TIES)
        "b       5f\n"
        ".balign 4\n"
        "3:\n"
        BOTH_CHANNELS(REQUANTISE)
        "5:\n"
        "ldrd    r8, r9, [sp, #16]\n"
        "strb    r0, [r8]\n"
        "strb    r1, [r8, r9]\n"
        "strb    r2, [r8, r9, lsl #1]\n"
        "add     r10, r8, r9\n"
        "strb    r3, [r10, r9, lsl #1]\n"
        "strb    r4, [r8, #1]!\n"
        "strb    r5, [r8, r9]\n"
        "strb    r6, [r8, r9, lsl #1]\n"
        "add     r10, r8, r9\n"
        "strb    r7, [r10, r9, lsl #1]\n"
        "add     r8, r8, #1\n"
        "str     r8, [sp, #16]\n"
        "ldr     r10, [sp, #12]\n"
        "str     lr, [sp, #8]\n"
        "cmp     lr, r10\n"
        "bne     1b\n"
        "add     sp, #68\n"
        "pop     {r4-r11, pc}\n"
        );
}

#else

// Two inputs of two channels and four pixels.
static void half_quad(const uint32_t *x, uint32_t weights, uint32_t sums[8]) {
    for (unsigned i = 0; i < 4; i++) {
        sums[i] = tml_smlad(x[i], tml_sxtb16(weights), sums[i]);
        sums[4 + i] = tml_smlad(x[i], weights, sums[4 + i]);
    }
}

// Two channels of four pixels.
static void tile(const tml_dsp_tiles_t *t, const uint32_t *weights, const tml_dsp_channel_t *channel, int8_t *out) {
    uint32_t sums[8] = {0};
    for (uint32_t i = 0; i < 2 * t->quads; i++) {
        half_quad(t->x + 4 * i, weights[i], sums);
    }
    for (unsigned i = 0; i < 4; i++, out += t->stride) {
        uint32_t times_256 = sums[4 + i] - sums[i];
        uint32_t first = 2 * sums[i] + (uint32_t)channel[0].bias;
        uint32_t second = (uint32_t)((int32_t)times_256 >> 7) + (uint32_t)channel[1].bias;
        out[0] = tml_dsp_requantise(first, &channel[0], t->exact_ties);
        out[1] = tml_dsp_requantise(second, &channel[1], t->exact_ties);
    }
}

void tml_dsp_tiles(const tml_dsp_tiles_t *tiles) {
    for (uint32_t pair = 0; pair < tiles->pairs; pair++) {
        tile(tiles, tiles->weights + 2 * tiles->quads * pair, tiles->channels + 2 * pair, tiles->out + 2 * pair);
    }
}

#endif // __ARM_FEATURE_DSP
