// The SWAR primitives of fully-connected layers for Armv6-M; see kernels/mk/swar_rows.h for what they compute.
#if defined(__thumb__) && !defined(__thumb2__)

#include "kernels/m0plus/asm.h"
#include "kernels/mk/swar_rows.h"

// Two inputs at r0 times two weights of four rows at r1: 24 bytes, 16 cycles.
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
        "1: ldr r0, [sp]\n movs r2, #0\n mov r9, r2\n mov r10, r2\n mov r11, r2\n mov r12, r2\n b 2f\n"
        STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP
        // A window ends. The first word of the next says how far back from here + 4 its first step is; -2: there is none.
        "add r9, r7\n asrs r7, #16\n add r10, r7\n mov r6, r8\n add r11, r6\n asrs r6, #16\n add r12, r6\n"
        "2: ldmia r0!, {r6, r7}\n mov r8, r7\n add pc, r6\n"
        "ldr r0, [sp, #4]\n ldmia r0!, {r2-r5}\n subs r0, #16\n"
        ADD_SUMS(r9, r10, r2, r3) ADD_SUMS(r11, r12, r4, r5)
        "stmia r0!, {r2-r5}\n str r0, [sp, #4]\n ldr r2, [sp, #8]\n cmp r0, r2\n beq 5f\n b 1b\n"
        "5: mov r0, r1\n add sp, #12\n"
        POP_ALL
        );
}

// r1: end of the window's inputs. r2: bytes left to it, negative. r3: 65537. r8: the window. r12: sum of its inputs. lr: next length.
// 18 cycles for two inputs: p = x0 - 256 q.
TML_FAST_CODE __attribute__((naked)) void tml_swar_expand(tml_swar_expand_t *job) {
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        "push {r0, r4-r7, lr}\n mov r4, r8\n push {r4}\n"
        "ldm r0, {r0-r2}\n mov lr, r2\n movs r3, #1\n lsls r4, r3, #16\n adds r3, r4\n"
        "1: mov r8, r0\n mov r4, lr\n ldrb r5, [r4]\n adds r4, #1\n mov lr, r4\n"
        "lsls r2, r5, #25\n lsrs r2, #24\n movs r6, #12\n muls r6, r2\n adds r6, #22\n rsbs r6, r6, #0\n"
        "str r6, [r0]\n adds r0, #8\n adds r1, r2\n rsbs r2, r2, #0\n movs r4, #0\n mov r12, r4\n"
        "2: ldrsb r4, [r1, r2]\n adds r2, #1\n ldrsb r5, [r1, r2]\n add r12, r4\n add r12, r5\n"
        "lsls r7, r4, #8\n subs r7, r5, r7\n muls r7, r3\n lsls r6, r7, #8\n subs r6, r4, r6\n"
        "stmia r0!, {r6, r7}\n adds r2, #1\n bne 2b\n"
        "mov r4, r12\n muls r4, r3\n lsls r4, #7\n movs r5, #128\n lsls r5, #8\n subs r5, r4\n mov r4, r8\n str r5, [r4, #4]\n"
        "mov r4, lr\n subs r4, #1\n ldrb r5, [r4]\n lsrs r5, #7\n beq 1b\n"
        "movs r4, #2\n rsbs r4, r4, #0\n str r4, [r0]\n"
        "pop {r4}\n mov r8, r4\n pop {r0}\n mov r4, lr\n str r1, [r0, #4]\n str r4, [r0, #8]\n pop {r4-r7, pc}\n"
        );
}

// r0: out. r8: its end. r12: sums. r1: what products of negative sums are below.
#define SCALE_ROW(label, tie) \
    "mov r4, r12\n ldmia r4!, {r3}\n mov r12, r4\n" SCALE(label, tie, "strb r3, [r0]\n") "adds r0, #1\n cmp r0, r8\n"

TML_FAST_CODE __attribute__((naked)) void tml_swar_scale_rows(const uint32_t *sums, int8_t *out, uint32_t n, const tml_swar_scale_t *scale) {
    (void)sums;
    (void)out;
    (void)n;
    (void)scale;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL
        "mov r12, r0\n mov r0, r1\n adds r2, r1\n mov r8, r2\n"
        "ldmia r3!, {r2, r4}\n mov lr, r4\n ldmia r3!, {r5, r6, r7}\n ldr r1, [r3]\n cmp r1, #0\n bne 2f\n"
        "1:\n" SCALE_ROW(0, "") "bne 1b\n b 3f\n"
        "2:\n" SCALE_ROW(1, TIE) "bne 2b\n"
        "3:\n" POP_ALL
        LIMIT(0) LIMIT(1)
        );
}

#endif
