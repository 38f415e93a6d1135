// Arm CMSDK APB UART, as on the MPS2 and MPS3 boards.

#include "board.h"

#define UART_DATA BOARD_REG32(BOARD_UART_BASE + 0x00)
#define UART_STATE BOARD_REG32(BOARD_UART_BASE + 0x04)
#define UART_CTRL BOARD_REG32(BOARD_UART_BASE + 0x08)
#define UART_INTSTATUS BOARD_REG32(BOARD_UART_BASE + 0x0c)
#define UART_BAUDDIV BOARD_REG32(BOARD_UART_BASE + 0x10)

#define STATE_TX_FULL (1 << 0)
#define STATE_RX_FULL (1 << 1)
#define CTRL_TX_ENABLE (1 << 0)
#define CTRL_RX_ENABLE (1 << 1)
#define CTRL_RX_IRQ (1 << 3)
#define INTSTATUS_RX (1 << 1)

void board_uart_init(void) {
    UART_BAUDDIV = 16; // the smallest divisor that QEMU accepts; it does not model the speed
    UART_CTRL = CTRL_TX_ENABLE | CTRL_RX_ENABLE | CTRL_RX_IRQ;
}

bool board_uart_readable(void) {
    return UART_STATE & STATE_RX_FULL;
}

uint8_t board_uart_read(void) {
    return (uint8_t)UART_DATA;
}

void board_uart_write(uint8_t c) {
    while (UART_STATE & STATE_TX_FULL) {
    }
    UART_DATA = c;
}

void board_uart_clear_irq(void) {
    UART_INTSTATUS = INTSTATUS_RX;
}
