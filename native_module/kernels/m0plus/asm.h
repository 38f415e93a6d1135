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

#endif // TML_M0PLUS_ASM_H
