// The SWAR primitives of 3 x 3 filters for Armv6-M; see kernels/mk/swar_filter.h for what they compute.
#if defined(__thumb__) && !defined(__thumb2__)

#include "kernels/m0plus/asm.h"
#include "kernels/mk/swar_filter.h"

// r0: column, r1: offsets, r8: step, r12: lanes, lr: end of the columns.
#define BEGIN_PACK \
    ".syntax unified\n" \
    "push {r4-r7, lr}\n mov r4, r8\n push {r4}\n" \
    "ldmia r2!, {r4, r5}\n mov r8, r4\n adds r5, r1\n mov lr, r5\n mov r12, r0\n mov r0, r1\n mov r1, r2\n"
#define END_PACK "add r0, r8\n cmp r0, lr\n bne 1b\n pop {r4}\n mov r8, r4\n pop {r4-r7, pc}\n"
#define LOAD(value) "ldrsb " #value ", [r0, " #value "]\n"
// The value whose offset is entry i becomes the high lane.
#define HIGH(value, i) "ldr r7, [r1, #4 * (" #i ")]\n" LOAD(r7) ADD_HIGH(value, r7)
#define ADD_HIGH(value, high) "lsls r7, " #high ", #16\n adds " #value ", r7\n"

TML_FAST_CODE __attribute__((naked)) void tml_swar_pack_columns(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows) {
    (void)lanes;
    (void)column;
    (void)rows;
    __asm__ volatile (
        BEGIN_PACK
        "1: ldmia r1!, {r2-r6}\n" LOAD(r2) LOAD(r3) LOAD(r4) LOAD(r5) LOAD(r6)
        ADD_HIGH(r2, r5) ADD_HIGH(r3, r6) HIGH(r4, 0) HIGH(r5, 1) HIGH(r6, 2) "subs r1, #20\n"
        "mov r7, r12\n stmia r7!, {r2-r4}\n stmia r7!, {r3-r5}\n stmia r7!, {r4-r6}\n mov r12, r7\n"
        END_PACK
        );
}

TML_FAST_CODE __attribute__((naked)) void tml_swar_pack_columns_2(uint32_t *lanes, const int8_t *column, const tml_swar_rows_of_block_t *rows) {
    (void)lanes;
    (void)column;
    (void)rows;
    __asm__ volatile (
        BEGIN_PACK
        "1: ldmia r1!, {r2-r5}\n" LOAD(r2) LOAD(r3) LOAD(r4) LOAD(r5)
        ADD_HIGH(r2, r5) HIGH(r3, 0) HIGH(r4, 1) HIGH(r5, 2) "adds r1, #12\n"
        "mov r7, r12\n stmia r7!, {r2-r4}\n adds r7, #12\n stmia r7!, {r3-r5}\n mov r12, r7\n"
        "ldmia r1!, {r2-r4}\n" LOAD(r2) LOAD(r3) LOAD(r4) HIGH(r2, 0) HIGH(r3, 1) HIGH(r4, 2) "subs r1, #40\n"
        "mov r7, r12\n subs r7, #24\n stmia r7!, {r2-r4}\n"
        END_PACK
        );
}

// The frame: weights as words, what a channel's outputs need, tml_swar_image_t but for its last field and with TAPS between, and what
// comes and goes.
#define FIELD(offset) "[sp, #(" #offset ")]"
#define OUT FIELD(36)
#define SCALE_FACTORS "#36"
#define CHANNEL "#40"
#define IMAGE "#60"
#define PART(i) FIELD(60 + 4 * i)
#define STEPS "#80" // bytes between pixels, to the next window, its end, where it stands, TAPS
#define X FIELD(92)
#define TAPS FIELD(96) // code for the windows of the channel
#define PACK FIELD(100)
#define LANES FIELD(104)
#define BLOCKS_END FIELD(108)
#define BLOCK FIELD(112)
#define FIRST_X FIELD(116)
#define FIRST_BLOCK FIELD(120)
#define JOB FIELD(124)
#define FRAME "#128"
#define BLOCK_OUT "#60" // in tml_swar_rows_of_block_t
#define BLOCK_BYTES "#64"

#define WEIGHT(i, extract) extract "str r3, [sp, #4 * (" #i ")]\n"
#define WEIGHTS_OF(word, i) \
    WEIGHT(i, "sxtb r3, " #word "\n") WEIGHT(i + 1, "lsls r3, " #word ", #16\n asrs r3, #24\n") \
    WEIGHT(i + 2, "lsls r3, " #word ", #8\n asrs r3, #24\n") WEIGHT(i + 3, "asrs r3, " #word ", #24\n")
// r0: image, r1: job.
#define FILL_FRAME \
    "sub sp, " FRAME "\n str r1, " JOB "\n add r2, sp, " IMAGE "\n" \
    "ldmia r0!, {r3-r7}\n stmia r2!, {r3-r7}\n ldmia r0!, {r3-r6}\n stmia r2!, {r3-r6}\n str r6, " FIRST_X "\n" \
    "ldmia r0!, {r3-r6}\n adds r2, #4\n stmia r2!, {r3-r5}\n str r6, " FIRST_BLOCK "\n"
// The next channel.
#define FILL_CHANNEL \
    "ldr r0, " JOB "\n ldr r1, [r0, #4]\n add r2, sp, " CHANNEL "\n ldmia r1!, {r4-r6}\n" \
    WEIGHTS_OF(r4, 0) WEIGHTS_OF(r5, 4) WEIGHT(8, "sxtb r3, r6\n") \
    "adr r3, 1f\n lsls r6, #16\n lsrs r6, #24\n beq 4f\n adr r3, 5f\n4: adds r3, #1\n str r3, " TAPS "\n" \
    "ldmia r1!, {r3-r7}\n stmia r2!, {r3-r7}\n str r1, [r0, #4]\n ldr r2, " FIRST_BLOCK "\n"

// Weight i times the position at r0; FIRST begins a window in r5-r7.
#define LOAD_WEIGHT(i) "ldr r1, [sp, #4 * (" #i ")]\n"
#define FIRST(i) LOAD_WEIGHT(i) "ldmia r0!, {r5-r7}\n muls r5, r1\n muls r6, r1\n muls r7, r1\n"
#define TAP(i) \
    LOAD_WEIGHT(i) "ldmia r0!, {r2-r4}\n muls r2, r1\n muls r3, r1\n muls r4, r1\n" \
    "adds r5, r2\n adds r6, r3\n adds r7, r4\n"

// The ends of windows: totals go to r8, r10, r12, high lanes to r9, r11, lr. The first window begins the sums. A shift leaves the
// low lane's sign, which is what the high lane lacks, in the carry; r1 = 0.
#define HIGH_LANE(word) "asrs " #word ", #16\n adcs " #word ", r1\n"
#define BEGIN_SUM(word, total, high) "mov " #total ", " #word "\n" HIGH_LANE(word) "mov " #high ", " #word "\n"
#define ADD_SUM(word, total, high) "add " #total ", " #word "\n" HIGH_LANE(word) "add " #high ", " #word "\n"
#define BEGIN "movs r1, #0\n" BEGIN_SUM(r5, r8, r9) BEGIN_SUM(r6, r10, r11) BEGIN_SUM(r7, r12, lr)
#define FLUSH "movs r1, #0\n" ADD_SUM(r5, r8, r9) ADD_SUM(r6, r10, r11) ADD_SUM(r7, r12, lr)

#define BY_COLUMNS \
    FIRST(0) TAP(1) TAP(2) BEGIN FIRST(3) TAP(4) TAP(5) FLUSH FIRST(6) TAP(7) TAP(8) FLUSH
#define BY_PAIRS \
    FIRST(0) TAP(1) BEGIN FIRST(2) TAP(3) FLUSH FIRST(4) TAP(5) FLUSH FIRST(6) TAP(7) FLUSH FIRST(8) FLUSH

// r3: sum → output byte. r0: out, r1: start, r2: limit, r5: offset, r6 and r7: factor. Sums below 0 give what 0 gives.
#define OUTPUT(label, store) \
    "adds r3, r1\n cmp r3, r2\n bhi 8" #label "f\n" \
    "9" #label ": mov r4, r3\n muls r3, r6\n muls r4, r7\n lsrs r4, #14\n adds r3, r4\n adds r3, r5\n lsrs r3, #24\n" \
    "7" #label ": " store
#define BEYOND(label) \
    "8" #label ": bge 6" #label "f\n lsrs r3, r5, #24\n b 7" #label "b\n" \
    "6" #label ": mov r3, r2\n b 9" #label "b\n"
#define STORE(part) "ldr r4, " PART(part) "\n strb r3, [r0, r4]\n"
#define OUTPUT_HIGH(label, high, part) "mov r3, " #high "\n" OUTPUT(label, STORE(part))

TML_FAST_CODE __attribute__((naked)) void tml_swar_filter_channels(const tml_swar_image_t *image, tml_swar_channels_t *job) {
    (void)image;
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL FILL_FRAME
        "0:" FILL_CHANNEL
        // r2: the next block.
        "6: str r2, " BLOCK "\n ldr r0, " JOB "\n ldr r3, [r2, " BLOCK_OUT "]\n ldr r4, [r0, #8]\n adds r3, r4\n str r3, " OUT "\n"
        "ldr r1, [r0, #12]\n ldr r0, " LANES "\n ldr r3, " PACK "\n blx r3\n ldr r0, " FIRST_X "\n ldr r4, " TAPS "\n bx r4\n"
        ".balign 4\n1:\n" BY_COLUMNS
        "3: str r0, " X "\n add r7, sp, " SCALE_FACTORS "\n ldm r7, {r0-r2, r5-r7}\n"
        OUTPUT_HIGH(0, r9, 0) LOW_LANE(r8, r9) OUTPUT(1, "strb r3, [r0]\n")
        OUTPUT_HIGH(2, r11, 2) LOW_LANE(r10, r11) OUTPUT(3, STORE(1))
        OUTPUT_HIGH(4, lr, 4) LOW_LANE(r12, lr) OUTPUT(5, STORE(3))
        "add r7, sp, " STEPS "\n ldmia r7!, {r1-r5}\n adds r0, r1\n str r0, " OUT "\n"
        "adds r0, r4, r2\n cmp r0, r3\n beq 2f\n bx r5\n"
        BEYOND(0) BEYOND(1) BEYOND(2) BEYOND(3) BEYOND(4) BEYOND(5)
        "2: ldr r2, " BLOCK "\n adds r2, " BLOCK_BYTES "\n ldr r4, " BLOCKS_END "\n cmp r2, r4\n beq 2f\n b 6b\n"
        "2: ldr r0, " JOB "\n ldmia r0!, {r1-r4}\n adds r3, #1\n adds r4, #1\n subs r0, #8\n stmia r0!, {r3, r4}\n"
        "cmp r1, r2\n beq 2f\n b 0b\n"
        "2: add sp, " FRAME "\n" POP_ALL
        ".balign 4\n5:\n" BY_PAIRS "b 3b\n"
        );
}

#endif
