#include <stddef.h>

#include "kernels/dsp/plane.h"

#if defined(__ARM_FEATURE_DSP)

_Static_assert(offsetof(tml_dsp_plane_t, columns) == 36 && TML_DSP_PLANE_WORD == 16, "the assembly below has these numbers");

// r0-r3 sums of four outputs; r4-r9 twice the weights (0, 1) and (1, 2) of three rows; r10 x, r11 bytes from row to row.
#define SUM(multiply, sum, x, w) multiply " " sum ", " x ", " w ", " sum "\n"

// What a word gives to the outputs next to it. Step 1: outputs a, b start at its two values, y, z one and two values before.
#define START_1(x, a, b, w01, w12) SUM("smlad", a, x, w01) SUM("smlatb", b, x, w01)
#define END_1(x, y, z, w01, w12) SUM("smlabt", y, x, w12) SUM("smlad", z, x, w12)
// Step 2: output a starts at its first value, y two values before.
#define START_2(x, a, w01, w12) SUM("smlad", a, x, w01)
#define END_2(x, y, w01, w12) SUM("smlabt", y, x, w12)

#define LOAD(x, use) \
    "ldr.w   " x ", [r10, r11]\n" use(x, "r6", "r7") \
    "ldr.w   " x ", [r10, r11, lsl #1]\n" use(x, "r8", "r9")
#define COLUMN(use) LOAD("r12", use) "ldr.w   r12, [r10], #16\n" use("r12", "r4", "r5")
#define LAST_COLUMN(use) LOAD("r12", use) "ldr.w   r12, [r10]\n" use("r12", "r4", "r5")

#define USE_1A(x, w01, w12) START_1(x, "r0", "r1", w01, w12)
#define USE_1B(x, w01, w12) END_1(x, "r0", "r1", w01, w12) START_1(x, "r2", "r3", w01, w12)
#define USE_1C(x, w01, w12) END_1(x, "r2", "r3", w01, w12)
#define USE_1D(x, w01, w12) END_1(x, "r0", "r1", w01, w12)
#define SUMS_1 COLUMN(USE_1A) COLUMN(USE_1B) LAST_COLUMN(USE_1C)
#define TWO_SUMS_1 COLUMN(USE_1A) LAST_COLUMN(USE_1D)

#define USE_2A(x, w01, w12) START_2(x, "r0", w01, w12)
#define USE_2B(x, w01, w12) END_2(x, "r0", w01, w12) START_2(x, "r1", w01, w12)
#define USE_2C(x, w01, w12) END_2(x, "r1", w01, w12) START_2(x, "r2", w01, w12)
#define USE_2D(x, w01, w12) END_2(x, "r2", w01, w12) START_2(x, "r3", w01, w12)
#define USE_2E(x, w01, w12) END_2(x, "r3", w01, w12)
#define USE_2F(x, w01, w12) END_2(x, "r1", w01, w12)
#define SUMS_2 COLUMN(USE_2A) COLUMN(USE_2B) COLUMN(USE_2C) COLUMN(USE_2D) LAST_COLUMN(USE_2E)
#define TWO_SUMS_2 COLUMN(USE_2A) COLUMN(USE_2B) LAST_COLUMN(USE_2F)

// A word (w0, w1, w2, 0) to (2 w0, 2 w1) and (2 w1, 2 w2).
#define WEIGHTS(word, w01, w12) \
    "sxtb16  r10, " word "\n" \
    "sxtb16  r11, " word ", ror #8\n" \
    "sadd16  r10, r10, r10\n" \
    "sadd16  r11, r11, r11\n" \
    "pkhbt   " w01 ", r10, r11, lsl #16\n" \
    "pkhbt   " w12 ", r11, r10\n"

// multiplier r4, round r5, shift r6
#define REQUANTISE(acc) \
    "add.w   r9, r5, " acc ", asr #31\n" \
    "smmlar  " acc ", " acc ", r4, r9\n" \
    "asr.w   " acc ", " acc ", r6\n" \
    "ssat    " acc ", #8, " acc "\n"

// A row is made of fours; where one or two outputs remain, they are made as two.
// Stack: 0 multiplier, 4 round, 8 shift, 12 out, 16 out_step, 20 four times the bias, 36 weights, 60 x behind the fours of the row,
// 64 rows, 68 x of the row, 72 x_step, 76 out of the row, 80 out_row, 84 bytes of x of the fours, 88 outputs in the last four less
// one, 92 outputs behind the fours, 96 where a row begins, 100 where it goes on after the fours.
// block_shift: log2 of the bytes of x that four outputs take.
#define PLANE(sums, two_sums, block_shift) \
    __asm volatile ( \
    "push    {r4-r11, lr}\n" \
    "sub     sp, #108\n" \
    "ldrd    r1, r2, [r0, #12]\n"     /* weights, channel */ \
    "ldm     r1, {r1, r3, r12}\n" \
    WEIGHTS("r1", "r4", "r5") \
    WEIGHTS("r3", "r6", "r7") \
    WEIGHTS("r12", "r8", "r9") \
    "add     r12, sp, #36\n" \
    "stm     r12, {r4-r9}\n" \
    "ldm     r2, {r4-r7}\n"     /* bias, multiplier, round, shift */ \
    "strd    r4, r4, [sp, #20]\n" \
    "strd    r4, r4, [sp, #28]\n" \
    "ldrd    r8, r9, [r0, #20]\n"     /* out, out_step */ \
    "stm     sp, {r5-r9}\n" \
    "ldrd    r10, r11, [r0]\n"     /* x, x_row */ \
    "ldr     r4, [r0, #8]\n"     /* x_step */ \
    "strd    r10, r4, [sp, #68]\n" \
    "ldrd    r5, r6, [r0, #28]\n"     /* out_row, rows */ \
    "strd    r8, r5, [sp, #76]\n" \
    "str     r6, [sp, #64]\n" \
    "ldr     r4, [r0, #36]\n"     /* columns */ \
    "and     r5, r4, #3\n" \
    "sub     r6, r5, #1\n" \
    "adr.w   r8, 4f\n" \
    "adr.w   r9, 6f\n" \
    "cmp     r6, #1\n" \
    "itte    hi\n" /* none remain, or three, which count as four */ \
    "addhi   r4, r4, #3\n" \
    "movhi   r8, r9\n" \
    "movls   r6, #3\n" \
    "and     r6, r6, #3\n" \
    "adr.w   r9, 2f\n" \
    "adr.w   r10, 5f\n" \
    "lsrs    r4, r4, #2\n" \
    "it      eq\n" \
    "moveq   r9, r10\n" \
    "lsl     r4, r4, #" block_shift "\n" \
    "orr     r9, r9, #1\n" \
    "orr     r8, r8, #1\n" \
    "strd    r4, r6, [sp, #84]\n" \
    "strd    r5, r9, [sp, #92]\n" \
    "str     r8, [sp, #100]\n" \
    /* Next row. */ \
    "1:\n" \
    "ldr     r10, [sp, #68]\n" \
    "ldr     r12, [sp, #84]\n" \
    "ldr     r7, [sp, #76]\n" \
    "add     r12, r12, r10\n" \
    "str     r12, [sp, #60]\n" \
    "str     r7, [sp, #12]\n" \
    "ldr     pc, [sp, #96]\n" \
    /* Next four outputs. */ \
    "2:\n" \
    "add     r12, sp, #20\n" \
    "ldm     r12, {r0-r9}\n" \
    sums \
    "ldm     sp, {r4-r8}\n" \
    REQUANTISE("r0") REQUANTISE("r1") REQUANTISE("r2") REQUANTISE("r3") \
    "ldr     lr, [sp, #60]\n" \
    "strb    r0, [r7]\n" \
    "cmp     r10, lr\n" \
    "beq     3f\n" \
    "strb    r1, [r7, r8]\n" \
    "strb    r2, [r7, r8, lsl #1]\n" \
    "add     r9, r7, r8\n" \
    "strb    r3, [r9, r8, lsl #1]\n" \
    "add     r7, r7, r8, lsl #2\n" \
    "str     r7, [sp, #12]\n" \
    "b       2b\n" \
    /* The last four of the row. */ \
    "3:\n" \
    "ldr     lr, [sp, #88]\n" \
    "add     r9, r7, r8\n" \
    "cmp     lr, #2\n" \
    "it      hs\n" \
    "strbhs  r2, [r7, r8, lsl #1]\n" \
    "it      hi\n" \
    "strbhi  r3, [r9, r8, lsl #1]\n" \
    "cmp     lr, #0\n" \
    "it      ne\n" \
    "strbne  r1, [r9]\n" \
    "ldr     pc, [sp, #100]\n" \
    /* One or two more. */ \
    "4:\n" \
    "add     r7, r7, r8, lsl #2\n" \
    "str     r7, [sp, #12]\n" \
    "5:\n" \
    "add     r12, sp, #20\n" \
    "ldm     r12, {r0-r9}\n" \
    two_sums \
    "ldm     sp, {r4-r8}\n" \
    REQUANTISE("r0") REQUANTISE("r1") \
    "ldr     lr, [sp, #92]\n" \
    "strb    r0, [r7]\n" \
    "cmp     lr, #1\n" \
    "it      hi\n" \
    "strbhi  r1, [r7, r8]\n" \
    "6:\n" \
    "add     r0, sp, #64\n" \
    "ldm     r0, {r1-r5}\n"     /* rows, x, x_step, out, out_row */ \
    "add     r2, r2, r3\n" \
    "add     r4, r4, r5\n" \
    "subs    r1, r1, #1\n" \
    "stm     r0, {r1-r5}\n" \
    "bne     1b\n" \
    "add     sp, #108\n" \
    "pop     {r4-r11, pc}\n")

__attribute__((naked)) void tml_dsp_plane_1(__attribute__((unused)) const tml_dsp_plane_t *plane) {
    PLANE(SUMS_1, TWO_SUMS_1, "5");
}

__attribute__((naked)) void tml_dsp_plane_2(__attribute__((unused)) const tml_dsp_plane_t *plane) {
    PLANE(SUMS_2, TWO_SUMS_2, "6");
}

#else

// Value of a row at a column.
static int32_t value(const uint32_t *row, uint32_t column) {
    return (int16_t)(row[column / 2 * TML_DSP_PLANE_CHANNELS] >> (column % 2 * 16));
}

// Output number `column` of the row whose three input rows start at x.
static int8_t output(const tml_dsp_plane_t *p, const uint32_t *x, uint32_t column, uint32_t step) {
    uint32_t twice = (uint32_t)p->channel->bias;
    for (unsigned row = 0; row < 3; row++, x += p->x_row / 4) {
        for (unsigned tap = 0; tap < 3; tap++) {
            int32_t weight = (int8_t)(p->weights[row] >> (8 * tap));
            twice += (uint32_t)(2 * weight * value(x, step * column + tap));
        }
    }
    return tml_dsp_requantise(twice, p->channel, true);
}

static void plane_of_step(const tml_dsp_plane_t *p, uint32_t step) {
    for (uint32_t row = 0; row < p->rows; row++) {
        for (uint32_t column = 0; column < p->columns; column++) {
            p->out[row * p->out_row + column * p->out_step] = output(p, p->x + row * (p->x_step / 4), column, step);
        }
    }
}

void tml_dsp_plane_1(const tml_dsp_plane_t *plane) {
    plane_of_step(plane, 1);
}

void tml_dsp_plane_2(const tml_dsp_plane_t *plane) {
    plane_of_step(plane, 2);
}

#endif // __ARM_FEATURE_DSP
