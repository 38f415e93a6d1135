QEMU_MACHINE = mps2-an385
BOARD_MCU = Cortex-M3
BOARD_CPU_FLAGS = -mthumb -mcpu=cortex-m3 -mfloat-abi=soft
BOARD_AS_FLAGS = -mthumb -mcpu=cortex-m3
BOARD_MPY_ARCH = armv7m
BOARD_BULK_START = 0x21000000

include $(BOARD_DIR)/../qemu_common/mps2.mk
