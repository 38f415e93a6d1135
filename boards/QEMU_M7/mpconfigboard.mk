QEMU_MACHINE = mps2-an500
BOARD_MCU = Cortex-M7
BOARD_CPU_FLAGS = -mthumb -mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard
BOARD_AS_FLAGS = -mthumb -mcpu=cortex-m7
BOARD_MPY_ARCH = armv7emsp
BOARD_BULK_START = 0x60000000

include $(BOARD_DIR)/../qemu_common/mps2.mk
