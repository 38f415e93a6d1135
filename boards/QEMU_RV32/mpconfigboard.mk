QEMU_ARCH = riscv32
QEMU_MACHINE = virt
BOARD_MCU = RV32IMAC
BOARD_CPU = riscv
BOARD_UART = 16550
BOARD_UART_BASE = 0x10000000
BOARD_UART_IRQ = 10
# The low word of mtime. minstret would do on newer QEMU, but QEMU 7.2 returns nanoseconds there.
BOARD_COUNTER_ADDRESS = 0x0200BFF8
BOARD_COUNTER_NS = 100
BOARD_ICOUNT_SHIFT = 8
BOARD_CODE_START = 0x80000000
BOARD_CODE_SIZE = 4M
BOARD_DATA_START = 0x80400000
BOARD_DATA_SIZE = 4M
BOARD_BULK_START = 0x81000000

include $(BOARD_DIR)/../qemu_common/board.mk

# Debian 12's compiler has no multilib for the port's default, rv32imac_zicsr, and then silently links 64-bit
# libraries. In ISA specification 2.2 the CSR instructions belong to the base ISA.
RV32_ARCH = rv32imac
AFLAGS += -misa-spec=2.2
SRC_BOARD_O += shared/runtime/gchelper_native.o shared/runtime/gchelper_rv32i.o
MPY_CROSS_FLAGS += -march=rv32imc
