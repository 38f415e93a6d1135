#include <stddef.h>

#include "kernels/dsp/gather.h"

void tml_dsp_gather_1(const tml_dsp_windows_t *windows, uint32_t lane) {
    uint32_t *x = windows->x + lane;
    const int8_t *row = windows->from;
    for (uint32_t rows = windows->rows; rows > 0; rows--, row += windows->pitch) {
        const int8_t *from = row;
        for (uint32_t quads = windows->row_quads; quads > 0; quads--, from += 4, x += 8) {
            uint32_t word = tml_load_word(from);
            x[0] = tml_sxtb16(word);
            x[4] = tml_sxtb16_odd(word);
        }
    }
}

#if defined(__ARM_FEATURE_DSP)

_Static_assert(offsetof(tml_dsp_windows_t, x) == 20, "the assembly below loads the fields in their order");

// r0 and r1: the first and the last window; sixteen inputs in fifteen instructions.
__attribute__((naked)) void tml_dsp_gather_4(__attribute__((unused)) const tml_dsp_windows_t *windows) {
    __asm volatile (
        "push    {r0, r4-r11, lr}\n"
        "ldm     r0, {r0, r2, r4, r5, r12}\n" // from, step, pitch, rows, row_quads
        "ldr     r3, [sp]\n"
        "ldr     r3, [r3, #20]\n"
        "sub     r4, r4, r12, lsl #2\n"
        "push    {r4, r5, r12}\n" // from the end of a row to the next, rows, row_quads
        "add     r1, r2, r2, lsl #1\n"
        "add     r1, r1, r0\n"
        "1:\n"
        "ldr     r9, [r0, r2]\n"
        "ldr     r10, [r0, r2, lsl #1]\n"
        "ldr     r8, [r0], #4\n"
        "ldr     r11, [r1], #4\n"
        "sxtb16  r4, r8\n"
        "sxtb16  r5, r9\n"
        "sxtb16  r6, r10\n"
        "sxtb16  r7, r11\n"
        "sxtb16  r8, r8, ror #8\n"
        "sxtb16  r9, r9, ror #8\n"
        "sxtb16  r10, r10, ror #8\n"
        "sxtb16  r11, r11, ror #8\n"
        "stmia   r3!, {r4-r11}\n"
        "subs    r12, r12, #1\n"
        "bne     1b\n"
        "ldm     sp, {r4, r5, r12}\n"
        "add     r0, r0, r4\n"
        "add     r1, r1, r4\n"
        "subs    r5, r5, #1\n"
        "str     r5, [sp, #4]\n"
        "bne     1b\n"
        "add     sp, #16\n"
        "pop     {r4-r11, pc}\n"
        );
}

#else

void tml_dsp_gather_4(const tml_dsp_windows_t *windows) {
    tml_dsp_windows_t one = *windows;
    for (uint32_t lane = 0; lane < 4; lane++, one.from += one.step) {
        tml_dsp_gather_1(&one, lane);
    }
}

#endif // __ARM_FEATURE_DSP
