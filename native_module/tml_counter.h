// A free-running 32-bit counter, for figures: memory-mapped where there is one, else the core's own.
#ifndef TML_COUNTER_H
#define TML_COUNTER_H

#include <stdint.h>

// address: of a memory-mapped counter (RP2040 emulator, FPGAIO, DWT_CYCCNT, TIMERAWL); 0: executed instructions on RISC-V,
// cycles on Xtensa, constantly 0 elsewhere.
static inline uint32_t tml_counter(uintptr_t address) {
    if (address != 0) {
        return *(volatile const uint32_t *)address;
    }
    uint32_t count = 0;
    #if defined(__riscv)
    __asm volatile ("csrr %0, 0xb02" : "=r" (count)); // minstret
    #elif defined(__xtensa__)
    __asm volatile ("rsr %0, ccount" : "=r" (count));
    #endif
    return count;
}

#endif // TML_COUNTER_H
