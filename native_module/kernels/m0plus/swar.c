// The SWAR primitives of kernels/mk/swar.h for Armv6-M. What they compute is written down in kernels/mk/swar_models.h.
#if defined(__thumb__) && !defined(__thumb2__)

#include "kernels/m0plus/asm.h"
#include "kernels/mk/swar.h"

// r6, r7: the window's sums for two lane pairs → r8-r11. Needs r12 = 0x8000.
#define FLUSH \
    "add r8, r6\n add r6, r12\n asrs r6, #16\n add r9, r6\n" \
    "add r10, r7\n add r7, r12\n asrs r7, #16\n add r11, r7\n"

// Four weights at r1 times four pixels at r0: 41 cycles, 64 bytes.
#define WORD \
    "ldmia r1!, {r2}\n ldmia r0!, {r3, r4, r6, r7}\n" \
    "sxtb r5, r2\n" MULTIPLY(r3, r4) \
    "lsls r5, r2, #16\n asrs r5, #24\n" MULTIPLY(r6, r7) ADD_LANES \
    "ldmia r0!, {r3, r4}\n lsls r5, r2, #8\n asrs r5, #24\n" MULTIPLY(r3, r4) ADD_LANES \
    "ldmia r0!, {r3, r4}\n asrs r5, r2, #24\n" MULTIPLY(r3, r4) ADD_LANES \
    FLUSH

// The same for the first lane pair alone: 28 cycles.
#define HALF_WORD \
    "ldmia r1!, {r2}\n ldr r6, [r0]\n ldr r3, [r0, #8]\n ldr r4, [r0, #16]\n ldr r7, [r0, #24]\n adds r0, #32\n" \
    "sxtb r5, r2\n muls r6, r5\n lsls r5, r2, #16\n asrs r5, #24\n muls r3, r5\n adds r6, r3\n" \
    "lsls r5, r2, #8\n asrs r5, #24\n muls r4, r5\n adds r6, r4\n asrs r5, r2, #24\n muls r7, r5\n adds r6, r7\n" \
    "add r8, r6\n add r6, r12\n asrs r6, #16\n add r9, r6\n"

// r3: accumulator → output byte, given to `store`. r2, r8, r5-r7: tml_swar_scale_t in order. Each has its OUTSIDE behind it, for
// accumulators below 0 (at once: the product is 0) and above the limit.
#define CLAMP(label) "cmp r3, r8\n bhi 8" #label "f\n"
#define MULTIPLY_ACC "mov r4, r3\n muls r3, r5\n muls r4, r6\n lsrs r4, r7\n adds r3, r4\n"
#define REQUANTISE(label, store) CLAMP(label) "9" #label ":" MULTIPLY_ACC "adds r3, r2\n 6" #label ": lsrs r3, #24\n" store
#define OUTSIDE(label) \
    "8" #label ": cmp r3, #0\n mov r3, r8\n bge 9" #label "b\n mov r3, r2\n b 6" #label "b\n"
// The same where ties of negative accumulators round down; lr: products that are negative.
#define REQUANTISE_TIES(label, store) \
    CLAMP(label) "9" #label ":" MULTIPLY_ACC "cmp r3, lr\n sbcs r4, r4\n lsls r4, r7\n lsls r4, #1\n adds r3, r4\n" \
    "adds r3, r2\n lsrs r3, #24\n" store
#define OUTSIDE_TIES(label) "8" #label ": asrs r4, r3, #31\n mov r3, r8\n bics r3, r4\n b 9" #label "b\n"

// Offsets on the stack.
#define X "#0"
#define OUT "#4"
#define PIXEL(i) "#8 + 4 * " #i // bytes from pixel 0 of the output to pixel i + 1
#define FIRST_WORD "#20"
#define END "#24" // of the lanes
#define FRAME "#28"
#define STORE "strb r3, [r0]\n"
#define STORE_TO(i) "ldr r4, [sp, " PIXEL(i) "]\n strb r3, [r0, r4]\n"

// The four pixels in r8-r11, the first one's accumulator being in r3 already.
#define STORE_4(requantise, a, b, c, d) \
    requantise(a, STORE) \
    "mov r3, r9\n" requantise(b, STORE_TO(0)) \
    LOW_LANE(r10, r11) requantise(c, STORE_TO(1)) \
    "mov r3, r11\n" requantise(d, STORE_TO(2))

// All four sums of a channel start at the same value.
#define START "ldmia r1!, {r2}\n lsls r3, r2, #16\n adds r3, r2\n mov r8, r3\n mov r9, r2\n mov r10, r3\n mov r11, r2\n"

// r0: lanes, then output. r1: stream. r7: flags. r8-r11: total and high of the first lane pair, of the second. r12: 0x8000. lr: end
// of the lanes.
TML_FAST_CODE __attribute__((naked)) void tml_swar_dot(const tml_swar_dot_t *job) {
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL
        "sub sp, " FRAME "\n mov r1, sp\n ldmia r0!, {r2-r7}\n stmia r1!, {r2-r6}\n ldr r1, [r0]\n"
        "lsls r4, r7, #5\n adds r4, r2\n str r4, [sp, " END "]\n mov lr, r4\n"
        "movs r4, #128\n lsls r4, #8\n mov r12, r4\n"
        "adr r4, 20f\n cmp r5, #0\n beq 1f\n"
        "rsbs r7, r7, #0\n movs r4, #3\n ands r7, r4\n lsls r7, #6\n adr r4, 2f\n adds r4, r7\n"
        "1: str r4, [sp, " FIRST_WORD "]\n ldmia r1!, {r7}\n b 6f\n"
        "8: add sp, " FRAME "\n"
        POP_ALL
        // A sparse channel.
        "7: cmp r7, #2\n bge 8b\n" START "b 3f\n"
        // A channel with all its weights.
        "1:" START "ldr r0, [sp, " X "]\n ldr r3, [sp, " FIRST_WORD "]\n mov pc, r3\n"
        ".balign 4\n"
        "20:" HALF_WORD "cmp r0, lr\n bne 20b\n mov r10, r8\n mov r11, r9\n b 3f\n"
        ".balign 4\n"
        "2:" WORD WORD WORD WORD "cmp r0, lr\n beq 3f\n b 2b\n"
        // The rest: two weights a turn, which always fit one window.
        "3: ldmia r1!, {r2}\n cmp r2, #0\n beq 5f\n adds r0, r1, r2\n"
        "4: ldmia r1!, {r2, r3}\n"
        "sxth r4, r2\n add r4, lr\n ldmia r4!, {r6, r7}\n asrs r5, r2, #16\n" MULTIPLY(r6, r7)
        "sxth r4, r3\n add r4, lr\n asrs r5, r3, #16\n ldmia r4!, {r2, r3}\n" MULTIPLY(r2, r3)
        "adds r6, r2\n adds r7, r3\n"
        FLUSH
        "cmp r1, r0\n bne 4b\n"
        // Output bytes of the four pixels.
        "5: ldr r0, [sp, " OUT "]\n"
        LOW_LANE(r8, r9)
        "ldmia r1!, {r2, r4, r5, r6, r7}\n mov r8, r4\n lsls r4, r7, #23\n bmi 9f\n"
        STORE_4(REQUANTISE, 0, 1, 2, 3)
        // On to the next channel.
        "10: adds r0, #1\n str r0, [sp, " OUT "]\n"
        "6: lsrs r7, #9\n bne 11f\n b 1b\n 11: b 7b\n"
        OUTSIDE(0) OUTSIDE(1) OUTSIDE(2) OUTSIDE(3)
        "9: ldmia r1!, {r4}\n mov lr, r4\n"
        STORE_4(REQUANTISE_TIES, 4, 5, 6, 7)
        "ldr r4, [sp, " END "]\n mov lr, r4\n b 10b\n"
        OUTSIDE_TIES(4) OUTSIDE_TIES(5) OUTSIDE_TIES(6) OUTSIDE_TIES(7)
        );
}

// r0-r3: ends of the four rows. r4: up to 0. r7: lanes. r8-r11: strides. r12: where r4 begins. lr: end of the lanes.
TML_FAST_CODE __attribute__((naked)) void tml_swar_pack_patch(const tml_swar_patch_t *job) {
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL
        "mov r12, r0\n adds r0, #16\n ldmia r0!, {r1-r7}\n"
        "mov r8, r1\n mov r9, r2\n mov r10, r3\n mov r11, r4\n mov lr, r7\n mov r7, r6\n"
        "mov r0, r12\n ldm r0, {r0-r3}\n"
        "adds r0, r5\n adds r1, r5\n adds r2, r5\n adds r3, r5\n rsbs r4, r5, #0\n mov r12, r4\n"
        "1: ldrsb r5, [r0, r4]\n ldrsb r6, [r1, r4]\n lsls r6, #16\n adds r5, r6\n stmia r7!, {r5}\n"
        "ldrsb r5, [r2, r4]\n ldrsb r6, [r3, r4]\n lsls r6, #16\n adds r5, r6\n stmia r7!, {r5}\n"
        "adds r4, #1\n bne 1b\n"
        "cmp r7, lr\n beq 2f\n add r0, r8\n add r1, r9\n add r2, r10\n add r3, r11\n mov r4, r12\n b 1b\n"
        "2:\n"
        POP_ALL
        );
}

#endif
