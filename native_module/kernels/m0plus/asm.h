// What the assembly for Armv6-M shares.
#ifndef TML_M0PLUS_ASM_H
#define TML_M0PLUS_ASM_H

// In firmware for the RP2040 the inner loops run from RAM: its flash is behind a cache. (Native modules are in RAM anyway, and
// their linker knows no sections by name.)
#if defined(PICO_ON_DEVICE) && !defined(MICROPY_ENABLE_DYNRUNTIME)
#define TML_FAST_CODE __attribute__((section(".time_critical.tinyml"), noinline))
#else
#define TML_FAST_CODE __attribute__((noinline))
#endif

// All registers that a function must keep. POP_ALL returns.
#define PUSH_ALL "push {r4-r7, lr}\n mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n push {r4-r7}\n"
#define POP_ALL "pop {r4-r7}\n mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n pop {r4-r7, pc}\n"

// r5: weight. Products of the lanes in a and b.
#define MULTIPLY(a, b) "muls " #a ", r5\n muls " #b ", r5\n"
#define ADD_LANES "adds r6, r3\n adds r7, r4\n"

// r3: accumulator → output byte, given to `store`. r2, lr, r5-r7: tml_swar_scale_t in order, limit in lr. `tie` treats products of
// negative accumulators. Each SCALE has its LIMIT somewhere behind it.
#define SCALE(label, tie, store) \
    "asrs r4, r3, #31\n bics r3, r4\n cmp r3, lr\n bhi 8" #label "f\n" \
    "9" #label ": mov r4, r3\n muls r3, r5\n muls r4, r6\n lsrs r4, r7\n adds r3, r4\n" tie "adds r3, r2\n" \
    "lsrs r3, #24\n" store
// The usual `tie`, with the product from which on accumulators count as positive in r1.
#define TIE "cmp r3, r1\n sbcs r4, r4\n lsls r4, r7\n lsls r4, #1\n adds r3, r4\n"
#define LIMIT(label) "8" #label ": mov r3, lr\n b 9" #label "b\n"
#define LOW_LANE(total, high) "mov r4, " #high "\n lsls r4, #16\n mov r3, " #total "\n subs r3, r4\n"

#endif // TML_M0PLUS_ASM_H
