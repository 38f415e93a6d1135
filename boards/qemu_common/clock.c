// Time and executed instructions, from one free-running 32-bit counter.
//
// Under -icount every instruction takes 2^shift ns of virtual time. The clock stands still while the CPU sleeps, as long
// as no timer is armed: time and instructions are two views of one number. An instruction is longer than two ticks of
// the counter, hence rounding gives the exact count.

#include "py/mphal.h"
#include "py/runtime.h"
#include "board.h"

#if defined(BOARD_WATCHDOGS)
// QEMU 7.2 lets the CMSDK watchdogs run from reset. Each stops for good once it has expired twice, which has no effect
// while its interrupt and reset outputs are disabled; a load value of one makes that happen at once.
void board_clock_init(void) {
    static const uintptr_t watchdogs[] = { BOARD_WATCHDOGS };
    for (size_t i = 0; i < MP_ARRAY_SIZE(watchdogs); ++i) {
        BOARD_REG32(watchdogs[i]) = 1; // WDOGLOAD
    }
}
#else
void board_clock_init(void) {
}
#endif

// The counter wraps after more than 10^9 instructions; whoever asks at least that often misses no wrap.
static uint64_t now_ns(void) {
    static uint32_t last, wraps;
    uint32_t ticks = BOARD_REG32(BOARD_COUNTER_ADDRESS);
    wraps += ticks < last;
    last = ticks;
    return (((uint64_t)wraps << 32) | ticks) * BOARD_COUNTER_NS;
}

uint64_t board_instructions(void) {
    return (now_ns() + (1u << BOARD_ICOUNT_SHIFT) / 2) >> BOARD_ICOUNT_SHIFT;
}

mp_uint_t __wrap_mp_hal_ticks_us(void) {
    return now_ns() / 1000;
}

mp_uint_t __wrap_mp_hal_ticks_ms(void) {
    return now_ns() / 1000000;
}

mp_uint_t __wrap_mp_hal_ticks_cpu(void) {
    return board_instructions();
}

uint64_t __wrap_mp_hal_time_ns(void) {
    return now_ns();
}

void __wrap_mp_hal_delay_us(mp_uint_t us) {
    uint64_t start = now_ns();
    while (now_ns() - start < (uint64_t)us * 1000) {
    }
}

void __wrap_mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t start = now_ns();
    while (now_ns() - start < (uint64_t)ms * 1000000) {
        mp_event_handle_nowait();
    }
}
