// The SWAR primitives of kernels/mk/swar.h for Armv6-M. What they compute is written down in kernels/mk/swar_models.h.
#if defined(__thumb__) && !defined(__thumb2__)

#include "kernels/m0plus/asm.h"
#include "kernels/mk/swar.h"

// r6, r7: the window's sums for two lane pairs → r8-r11. Needs r12 = 0x8000.
#define FLUSH \
    "add r8, r6\n add r6, r12\n asrs r6, #16\n add r9, r6\n" \
    "add r10, r7\n add r7, r12\n asrs r7, #16\n add r11, r7\n"

// Four weights at r1 times four pixels at r0: 41 cycles.
#define WORD \
    "ldmia r1!, {r2}\n ldmia r0!, {r3, r4, r6, r7}\n" \
    "sxtb r5, r2\n" MULTIPLY(r3, r4) \
    "lsls r5, r2, #16\n asrs r5, #24\n" MULTIPLY(r6, r7) ADD_LANES \
    "ldmia r0!, {r3, r4}\n lsls r5, r2, #8\n asrs r5, #24\n" MULTIPLY(r3, r4) ADD_LANES \
    "ldmia r0!, {r3, r4}\n asrs r5, r2, #24\n" MULTIPLY(r3, r4) ADD_LANES \
    FLUSH

#define STORE "strb r3, [r0]\n add r0, r12\n"
// The four pixels in r8-r11.
#define SCALE_4(a, b, c, d, tie) \
    LOW_LANE(r8, r9) SCALE(a, tie, STORE) \
    "mov r3, r9\n" SCALE(b, tie, STORE) \
    LOW_LANE(r10, r11) SCALE(c, tie, STORE) \
    "mov r3, r11\n" SCALE(d, tie, STORE)

// Offsets on the stack: the job's fields in order.
#define X "#0"
#define OUT "#4"
#define PIXEL_STRIDE "#8"
#define WEIGHT_BYTES "#12"
#define OUT_END "#16"
#define STREAM "#20"

TML_FAST_CODE __attribute__((naked)) void tml_swar_dot(const tml_swar_dot_t *job) {
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL
        "ldmia r0!, {r2-r7}\n push {r2-r7}\n mov r1, r7\n"
        // One channel. r8-r11: total and high of the first pair, of the second; all start at the same value.
        "1: ldmia r1!, {r2}\n movs r3, #128\n lsls r3, #8\n mov r12, r3\n"
        "lsls r3, r2, #16\n adds r3, r2\n mov r8, r3\n mov r9, r2\n mov r10, r3\n mov r11, r2\n"
        "ldr r0, [sp, " X "]\n ldr r3, [sp, " WEIGHT_BYTES "]\n adds r4, r1, r3\n mov lr, r4\n"
        "lsls r3, #30\n bcc 2f\n" // an odd number of words?
        WORD
        "cmp r1, lr\n beq 3f\n"
        "2:\n" WORD WORD
        "cmp r1, lr\n bne 2b\n"
        // The rest: two weights a turn, which always fit one window.
        "3: ldmia r1!, {r2}\n adds r0, r1, r2\n cmp r1, r0\n beq 5f\n ldr r2, [sp, " X "]\n mov lr, r2\n"
        "4: ldmia r1!, {r2, r3}\n"
        "uxth r4, r2\n add r4, lr\n ldmia r4!, {r6, r7}\n asrs r5, r2, #16\n" MULTIPLY(r6, r7)
        "uxth r4, r3\n add r4, lr\n asrs r5, r3, #16\n ldmia r4!, {r2, r3}\n" MULTIPLY(r2, r3)
        "adds r6, r2\n adds r7, r3\n"
        FLUSH
        "cmp r1, r0\n bne 4b\n"
        // Output bytes of the four pixels.
        "5: ldr r0, [sp, " OUT "]\n adds r2, r0, #1\n str r2, [sp, " OUT "]\n"
        "ldr r2, [sp, " PIXEL_STRIDE "]\n mov r12, r2\n"
        "ldmia r1!, {r2, r3, r5, r6, r7}\n mov lr, r3\n"
        "ldmia r1!, {r4}\n cmp r4, #0\n bne 7f\n"
        SCALE_4(0, 1, 2, 3, "")
        "6: ldr r0, [sp, " OUT "]\n ldr r2, [sp, " OUT_END "]\n cmp r0, r2\n beq 8f\n b 1b\n"
        "8: add sp, #24\n"
        POP_ALL
        LIMIT(0) LIMIT(1) LIMIT(2) LIMIT(3)
        "7: str r1, [sp, " STREAM "]\n mov r1, r4\n"
        SCALE_4(4, 5, 6, 7, TIE)
        "ldr r1, [sp, " STREAM "]\n b 6b\n"
        LIMIT(4) LIMIT(5) LIMIT(6) LIMIT(7)
        );
}

// Bytes k of two words → one word of lanes, stored at r0 + 8 k. r5: bytes for the high lane, r4: for the low one.
#define LANES(k, low, high) low high "adds r6, r7\n str r6, [r0, #" #k "]\n"

static TML_FAST_CODE __attribute__((naked)) void pack_words(uint32_t *lanes, const int8_t *low, const int8_t *high, uint32_t n) {
    (void)lanes;
    (void)low;
    (void)high;
    (void)n;
    __asm__ volatile (
        ".syntax unified\n"
        "push {r4-r7, lr}\n adds r3, r1\n"
        "1: ldmia r1!, {r4}\n ldmia r2!, {r5}\n"
        LANES(0, "sxtb r6, r4\n", "lsls r7, r5, #24\n asrs r7, #8\n")
        LANES(8, "lsls r6, r4, #16\n asrs r6, #24\n", "lsls r7, r5, #16\n asrs r7, #24\n lsls r7, #16\n")
        LANES(16, "lsls r6, r4, #8\n asrs r6, #24\n", "lsls r7, r5, #8\n asrs r7, #24\n lsls r7, #16\n")
        LANES(24, "asrs r6, r4, #24\n", "asrs r7, r5, #24\n lsls r7, #16\n")
        "adds r0, #32\n cmp r1, r3\n bne 1b\n"
        "pop {r4-r7, pc}\n"
        );
}

static TML_FAST_CODE __attribute__((naked)) void pack_bytes(uint32_t *lanes, const int8_t *low, const int8_t *high, uint32_t n) {
    (void)lanes;
    (void)low;
    (void)high;
    (void)n;
    __asm__ volatile (
        ".syntax unified\n"
        "push {r4, r5}\n adds r1, r3\n adds r2, r3\n rsbs r3, r3, #0\n"
        "1: ldrsb r4, [r1, r3]\n ldrsb r5, [r2, r3]\n lsls r5, #16\n adds r4, r5\n"
        "str r4, [r0]\n adds r0, #8\n adds r3, #1\n bne 1b\n"
        "pop {r4, r5}\n bx lr\n"
        );
}

TML_FAST_CODE void tml_swar_pack(uint32_t *lanes, const int8_t *low, const int8_t *high, uint32_t n) {
    if ((((uintptr_t)low | (uintptr_t)high | n) & 3) == 0) {
        pack_words(lanes, low, high, n);
    } else {
        pack_bytes(lanes, low, high, n);
    }
}

#endif
