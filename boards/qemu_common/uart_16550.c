// 16550 UART of QEMU's RISC-V virt machine. Its FIFO stays off: the FIFO's timeout is a timer of the virtual clock,
// and a pending timer would let virtual time, from which instructions are counted, run on while the CPU sleeps.

#include "board.h"

#define UART_DATA BOARD_REG8(BOARD_UART_BASE + 0)
#define UART_IER BOARD_REG8(BOARD_UART_BASE + 1)
#define UART_LSR BOARD_REG8(BOARD_UART_BASE + 5)

#define IER_RX (1 << 0)
#define LSR_RX_READY (1 << 0)
#define LSR_TX_EMPTY (1 << 5)

void board_uart_init(void) {
    UART_IER = IER_RX;
}

bool board_uart_readable(void) {
    return UART_LSR & LSR_RX_READY;
}

uint8_t board_uart_read(void) {
    return UART_DATA;
}

void board_uart_write(uint8_t c) {
    while (!(UART_LSR & LSR_TX_EMPTY)) {
    }
    UART_DATA = c;
}

void board_uart_clear_irq(void) {
    // The interrupt follows the receive register; reading that clears it.
}
