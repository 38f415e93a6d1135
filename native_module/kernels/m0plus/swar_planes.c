// The SWAR primitives of depthwise filters for Armv6-M; see kernels/mk/swar_models.h for what they compute.
#if defined(__thumb__) && !defined(__thumb2__)

#include "kernels/m0plus/asm.h"
#include "kernels/mk/swar.h"

TML_FAST_CODE __attribute__((naked)) void tml_swar_pack_columns(uint32_t *lanes, const int8_t *const rows[4], uint32_t step, uint32_t n) {
    (void)lanes;
    (void)rows;
    (void)step;
    (void)n;
    __asm__ volatile (
        ".syntax unified\n"
        "push {r4-r7, lr}\n mov r4, r8\n push {r4}\n"
        "mov r7, r0\n mov r8, r2\n muls r3, r2\n mov r12, r3\n ldm r1, {r0-r3}\n movs r4, #0\n"
        "1: ldrsb r5, [r0, r4]\n ldrsb r6, [r1, r4]\n lsls r6, #16\n adds r5, r6\n str r5, [r7]\n"
        "ldrsb r5, [r2, r4]\n ldrsb r6, [r3, r4]\n lsls r6, #16\n adds r5, r6\n str r5, [r7, #4]\n"
        "adds r7, #8\n add r4, r8\n cmp r4, r12\n bne 1b\n"
        "pop {r4}\n mov r8, r4\n pop {r4-r7, pc}\n"
        );
}

// Offsets on the stack: the first fields of the job.
#define FIELD(offset) "[sp, #" #offset "]"
#define PART_1 FIELD(36)
#define PART_2 FIELD(40)
#define PART_3 FIELD(44)
#define SCALE_FACTORS "#48"
#define DOWN FIELD(64)
#define NEXT FIELD(68)
#define PIXEL_STRIDE FIELD(72)
#define ROW_END FIELD(76)
#define SKIP FIELD(80)
#define PITCH FIELD(84)
#define END FIELD(88)
#define FRAME "#92"

// Weight i times the position at r1; FIRST begins a window in r6 and r7.
#define FIRST(i) "ldmia r1!, {r6, r7}\n ldr r5, [sp, #4 * " #i "]\n" MULTIPLY(r6, r7)
#define TAP(i) "ldmia r1!, {r3, r4}\n ldr r5, [sp, #4 * " #i "]\n" MULTIPLY(r3, r4) ADD_LANES
#define GO_DOWN "ldr r5, " DOWN "\n adds r1, r5\n"

// Windows end as in kernels/m0plus/swar.c; r2 = 0x8000. The first window of a filter begins the sums.
#define BEGIN \
    "mov r8, r6\n adds r6, r2\n asrs r6, #16\n mov r9, r6\n" \
    "mov r10, r7\n adds r7, r2\n asrs r7, #16\n mov r11, r7\n"
#define FLUSH \
    "add r8, r6\n adds r6, r2\n asrs r6, #16\n add r9, r6\n" \
    "add r10, r7\n adds r7, r2\n asrs r7, #16\n add r11, r7\n"

#define BY_ROWS \
    FIRST(0) TAP(1) TAP(2) BEGIN GO_DOWN FIRST(3) TAP(4) TAP(5) FLUSH GO_DOWN FIRST(6) TAP(7) TAP(8) FLUSH
#define BY_PAIRS \
    FIRST(0) TAP(1) BEGIN FIRST(2) GO_DOWN TAP(3) FLUSH FIRST(4) TAP(5) FLUSH GO_DOWN FIRST(6) TAP(7) FLUSH FIRST(8) FLUSH

#define STORE(part) "ldr r4, " part "\n strb r3, [r0, r4]\n"

// r0: output. r1: x. r12: start. lr: limit.
#define FILTER_ROWS(taps) \
    ".syntax unified\n" \
    PUSH_ALL \
    "sub sp, " FRAME "\n mov r1, sp\n" \
    "ldmia r0!, {r2-r7}\n stmia r1!, {r2-r7}\n ldmia r0!, {r2-r7}\n stmia r1!, {r2-r7}\n" \
    "ldmia r0!, {r2-r7}\n stmia r1!, {r2-r7}\n ldmia r0!, {r2-r6}\n stmia r1!, {r2-r6}\n" \
    "ldmia r0!, {r1-r4}\n mov lr, r3\n mov r12, r4\n mov r0, r2\n" \
    "1: movs r2, #128\n lsls r2, #8\n" \
    taps \
    "add r2, sp, " SCALE_FACTORS "\n ldm r2, {r2, r5-r7}\n" \
    LOW_LANE(r8, r9) "add r3, r12\n" SCALE(0, "", "strb r3, [r0]\n") \
    "mov r3, r9\n add r3, r12\n" SCALE(1, "", STORE(PART_1)) \
    LOW_LANE(r10, r11) "add r3, r12\n" SCALE(2, "", STORE(PART_2)) \
    "mov r3, r11\n add r3, r12\n" SCALE(3, "", STORE(PART_3)) \
    "ldr r4, " PIXEL_STRIDE "\n adds r0, r4\n ldr r4, " NEXT "\n adds r1, r4\n" \
    "ldr r4, " ROW_END "\n cmp r1, r4\n beq 2f\n b 1b\n" \
    "2: ldr r5, " PITCH "\n adds r4, r5\n str r4, " ROW_END "\n ldr r4, " SKIP "\n adds r1, r4\n" \
    "ldr r4, " END "\n cmp r1, r4\n beq 3f\n b 1b\n" \
    LIMIT(0) LIMIT(1) LIMIT(2) LIMIT(3) \
    "3: add sp, " FRAME "\n" \
    POP_ALL

TML_FAST_CODE __attribute__((naked)) void tml_swar_filter_by_rows(const tml_swar_planes_t *job) {
    (void)job;
    __asm__ volatile (FILTER_ROWS(BY_ROWS));
}

TML_FAST_CODE __attribute__((naked)) void tml_swar_filter_by_pairs(const tml_swar_planes_t *job) {
    (void)job;
    __asm__ volatile (FILTER_ROWS(BY_PAIRS));
}

#endif
