// The REPL's console: a receive buffer between the UART and MicroPython, Ctrl-C, and sleep while there is nothing to do.

#include <stddef.h>

#include "py/mphal.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"
#include "board.h"

#define NO_CHARACTER (-1)

static uint8_t received_storage[512];
static ringbuf_t received = { received_storage, sizeof(received_storage), 0, 0 };

void board_poll(void) {
    while (ringbuf_free(&received) && board_uart_readable()) {
        uint8_t c = board_uart_read();
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ringbuf_put(&received, c);
        }
    }
}

// A character that arrives after the two clears sets the interrupt again, so none is slept through.
static void wait_for_character(void) {
    board_uart_clear_irq();
    board_cpu_clear_wake(BOARD_UART_IRQ);
    if (!board_uart_readable()) {
        board_cpu_wait();
    }
}

// The port's start-up code calls this first of all.
void __wrap_uart_init(void) {
    board_cpu_init();
    board_clock_init();
    board_uart_init();
    board_cpu_wake_on(BOARD_UART_IRQ);
}

// Called in a loop by the port's mp_hal_stdin_rx_chr().
int __wrap_uart_rx_chr(void) {
    board_poll();
    int c = ringbuf_get(&received);
    if (c == NO_CHARACTER) {
        mp_handle_pending(true);
        wait_for_character();
    }
    return c;
}

void __wrap_uart_tx_strn(const char *str, size_t len) {
    while (len--) {
        board_uart_write(*str++);
    }
}

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t poll_flags) {
    board_poll();
    uintptr_t ready = poll_flags & MP_STREAM_POLL_WR;
    if (ringbuf_avail(&received)) {
        ready |= poll_flags & MP_STREAM_POLL_RD;
    }
    return ready;
}
