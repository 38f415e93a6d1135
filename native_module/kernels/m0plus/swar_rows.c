// The SWAR primitive of fully-connected layers for Armv6-M; see kernels/mk/swar_rows.h for what it computes.
#if defined(__thumb__) && !defined(__thumb2__)

#include "kernels/m0plus/asm.h"
#include "kernels/mk/swar_rows.h"

// Two inputs at r0 times two weights of four rows at r1: TML_SWAR_STEP_CODE bytes, 16 cycles.
#define STEP \
    "ldmia r0!, {r4, r5}\n ldmia r1!, {r2, r3}\n" \
    "rev16 r6, r2\n muls r2, r4\n muls r6, r5\n adds r7, r2\n adds r7, r6\n" \
    "rev16 r6, r3\n muls r3, r4\n muls r6, r5\n add r8, r3\n add r8, r6\n"

// A pair's lanes in the named registers → added to the sums of its rows.
#define ADD_SUMS(total, high, low_sum, high_sum) \
    "mov r6, " #total "\n mov r7, " #high "\n adds " #high_sum ", r7\n lsls r7, #16\n subs r6, r7\n adds " #low_sum ", r6\n"

// r7, r8: sums of the window. r9-r12: total and high of the first pair, of the second. Stack: x, sums, sums_end.
TML_FAST_CODE __attribute__((naked)) const uint32_t *tml_swar_rows(const tml_swar_rows_t *job) {
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL
        "ldm r0, {r0-r3}\n push {r0, r2, r3}\n"
        // Four rows.
        "1: ldr r0, [sp]\n movs r2, #0\n mov r9, r2\n mov r10, r2\n mov r11, r2\n mov r12, r2\n"
        // A window: its first word is the way from here to its first step.
        "2: ldmia r0!, {r6, r7}\n mov r8, r7\n add pc, r6\n"
        "b 4f\n"
        "3:\n"
        STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP
        "add r9, r7\n asrs r7, #16\n add r10, r7\n"
        "mov r6, r8\n add r11, r6\n asrs r6, #16\n add r12, r6\n b 2b\n"
        "4: ldr r0, [sp, #4]\n ldmia r0!, {r2-r5}\n subs r0, #16\n"
        ADD_SUMS(r9, r10, r2, r3) ADD_SUMS(r11, r12, r4, r5)
        "stmia r0!, {r2-r5}\n str r0, [sp, #4]\n ldr r2, [sp, #8]\n cmp r0, r2\n beq 5f\n b 1b\n"
        "5: mov r0, r1\n add sp, #12\n"
        POP_ALL
        );
}

#endif
