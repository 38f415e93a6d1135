// RISC-V hart 0 of QEMU's virt machine with its PLIC: WFI that a masked interrupt ends.

#include "board.h"

#define PLIC_PRIORITY(irq) BOARD_REG32(0x0C000000 + 4 * (irq))
#define PLIC_ENABLE BOARD_REG32(0x0C002000)
#define PLIC_THRESHOLD BOARD_REG32(0x0C200000)
#define PLIC_CLAIM BOARD_REG32(0x0C200004)
#define MIE_MEIE (1 << 11)

void board_cpu_init(void) {
    __asm volatile ("csrci mstatus, 8"); // MIE off: interrupts are never taken
}

void board_cpu_wake_on(unsigned int irq) {
    PLIC_PRIORITY(irq) = 1;
    PLIC_ENABLE = 1u << irq;
    PLIC_THRESHOLD = 0;
    __asm volatile ("csrs mie, %0" :: "r" (MIE_MEIE));
}

void board_cpu_clear_wake(unsigned int irq) {
    if (PLIC_CLAIM == irq) {
        PLIC_CLAIM = irq;
    }
}

void board_cpu_wait(void) {
    __asm volatile ("wfi" ::: "memory");
}
