// Cortex-M: FPU, and WFI that a masked interrupt ends.

#include "board.h"

#define SCB_CPACR BOARD_REG32(0xE000ED88)
#define NVIC_ISER(irq) BOARD_REG32(0xE000E100 + 4 * ((irq) / 32))
#define NVIC_ICPR(irq) BOARD_REG32(0xE000E280 + 4 * ((irq) / 32))
#define NVIC_BIT(irq) (1u << ((irq) % 32))

void board_cpu_init(void) {
    #if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    SCB_CPACR |= 0xf << 20; // full access to CP10 and CP11
    __asm volatile ("dsb\nisb" ::: "memory");
    #endif
    __asm volatile ("cpsid i");
}

void board_cpu_wake_on(unsigned int irq) {
    NVIC_ISER(irq) = NVIC_BIT(irq);
}

void board_cpu_clear_wake(unsigned int irq) {
    NVIC_ICPR(irq) = NVIC_BIT(irq);
}

void board_cpu_wait(void) {
    __asm volatile ("dsb\nwfi" ::: "memory");
}
