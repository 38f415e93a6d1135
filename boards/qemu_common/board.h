// What the files of the QEMU board layer offer each other.
#ifndef TINYML_QEMU_BOARD_H
#define TINYML_QEMU_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

#define BOARD_REG32(address) (*(volatile uint32_t *)(address))
#define BOARD_REG8(address) (*(volatile uint8_t *)(address))

// cpu_<core>.c. Interrupts stay masked; a pending one only ends board_cpu_wait().
void board_cpu_init(void);
void board_cpu_wake_on(unsigned int irq);
void board_cpu_clear_wake(unsigned int irq);
void board_cpu_wait(void);

// uart_<model>.c
void board_uart_init(void);
bool board_uart_readable(void);
uint8_t board_uart_read(void);
void board_uart_write(uint8_t c);
void board_uart_clear_irq(void);

// clock.c
void board_clock_init(void);
uint64_t board_instructions(void);

// ramdevice.c: a block device over a range of RAM; its buffer protocol is what VfsRom maps.
typedef struct _board_ramdevice_t {
    mp_obj_base_t base;
    uint8_t *start;
    uint8_t *end;
} board_ramdevice_t;

extern const mp_obj_type_t board_ramdevice_type;
extern const board_ramdevice_t board_ramdisk;
extern const board_ramdevice_t board_romfs;

#endif // TINYML_QEMU_BOARD_H
