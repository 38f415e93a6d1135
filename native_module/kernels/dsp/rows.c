#include <stddef.h>

#include "kernels/dsp/rows.h"

#if defined(__ARM_FEATURE_DSP)

_Static_assert(offsetof(tml_dsp_rows_t, quads) == 20, "the assembly below loads the fields in their order");

// Four inputs of four rows: 16 MACs in 14 instructions. r0-r3 sums, r11 x, r12 weights.
#define TWO_INPUTS(even, odd, word, x) \
    "sxtb16  r10, " word "\n" \
    "smlad   " even ", " x ", r10, " even "\n" \
    "smlad   " odd ", " x ", " word ", " odd "\n"
#define QUAD \
    "ldmia.w r12!, {r4-r7}\n" \
    "ldrd    r8, r9, [r11], #8\n" \
    TWO_INPUTS("r0", "r1", "r4", "r8") \
    TWO_INPUTS("r0", "r1", "r5", "r9") \
    TWO_INPUTS("r2", "r3", "r6", "r8") \
    TWO_INPUTS("r2", "r3", "r7", "r9")
#define QUAD_BYTES "56"

// r11: channel stream.
#define REQUANTISE(acc, scale) \
    "ldmia   r11!, {r4-r7}\n" \
    "add.w   " acc ", r4, " acc ", " scale "\n" \
    "add.w   r6, r6, " acc ", asr #31\n" \
    "smmlar  " acc ", " acc ", r5, r6\n" \
    "asr.w   " acc ", " acc ", r7\n" \
    "ssat    " acc ", #8, " acc "\n"

// Stack: 0 x, 4 entry of the loop, 8 out, 12 groups, 16 channels.
__attribute__((naked)) void tml_dsp_rows(__attribute__((unused)) const tml_dsp_rows_t *rows) {
    __asm volatile (
        "push    {r4-r11, lr}\n"
        "sub     sp, #20\n"
        "ldmia   r0, {r1-r6}\n" // x, weights, channels, out, groups, quads
        "mov     r12, r2\n"
        "add     lr, r1, r6, lsl #3\n" // end of x
        // The loop does four quads a turn and is entered where whole turns remain.
        "rsb     r6, r6, #0\n"
        "and     r6, r6, #3\n"
        "mov     r7, #" QUAD_BYTES "\n"
        "mul     r6, r6, r7\n"
        "adr.w   r7, 2f\n"
        "add     r6, r6, r7\n"
        "orr     r6, r6, #1\n"
        "strd    r1, r6, [sp]\n"
        "strd    r4, r5, [sp, #8]\n"
        "str     r3, [sp, #16]\n"
        "1:\n"
        "mov     r0, #0\n"
        "mov     r1, #0\n"
        "mov     r2, #0\n"
        "mov     r3, #0\n"
        "ldr     r11, [sp]\n"
        "ldr     pc, [sp, #4]\n"
        ".balign 4\n"
        "2:\n"
        QUAD QUAD QUAD QUAD
        "cmp     r11, lr\n"
        "bne     2b\n"
        "ldr     r11, [sp, #16]\n"
        "sub     r1, r1, r0\n"
        "sub     r3, r3, r2\n"
        REQUANTISE("r0", "lsl #1")
        REQUANTISE("r1", "asr #7")
        REQUANTISE("r2", "lsl #1")
        REQUANTISE("r3", "asr #7")
        "ldrd    r4, r5, [sp, #8]\n"
        "strb    r0, [r4]\n"
        "strb    r1, [r4, #1]\n"
        "strb    r2, [r4, #2]\n"
        "strb    r3, [r4, #3]\n"
        "add     r4, r4, #4\n"
        "subs    r5, r5, #1\n"
        "strd    r4, r5, [sp, #8]\n"
        "str     r11, [sp, #16]\n"
        "bne     1b\n"
        "add     sp, #20\n"
        "pop     {r4-r11, pc}\n"
        );
}

#else

// Rows 0 and 1, or 2 and 3, of a group; weights: their first word.
static void two_rows(const tml_dsp_rows_t *rows, const uint32_t *weights, const tml_dsp_channel_t *channel, int8_t *out) {
    uint32_t even = 0, both = 0;
    for (uint32_t i = 0; i < 2 * rows->quads; i++) {
        uint32_t word = weights[i / 2 * TML_DSP_ROWS + i % 2];
        even = tml_smlad(rows->x[i], tml_sxtb16(word), even);
        both = tml_smlad(rows->x[i], word, both);
    }
    uint32_t odd = (uint32_t)((int32_t)(both - even) >> 7);
    out[0] = tml_dsp_requantise(2 * even + (uint32_t)channel[0].bias, &channel[0], true);
    out[1] = tml_dsp_requantise(odd + (uint32_t)channel[1].bias, &channel[1], true);
}

void tml_dsp_rows(const tml_dsp_rows_t *rows) {
    for (uint32_t i = 0; i < TML_DSP_ROWS * rows->groups; i += 2) {
        const uint32_t *group = rows->weights + i / TML_DSP_ROWS * TML_DSP_ROWS * rows->quads;
        two_rows(rows, group + i % TML_DSP_ROWS, rows->channels + i, rows->out + i);
    }
}

#endif // __ARM_FEATURE_DSP
