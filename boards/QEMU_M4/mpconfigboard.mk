QEMU_MACHINE = mps2-an386
BOARD_MCU = Cortex-M4F
BOARD_CPU_FLAGS = -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard
BOARD_AS_FLAGS = -mthumb -mcpu=cortex-m4
BOARD_MPY_ARCH = armv7emsp
BOARD_BULK_START = 0x21000000

include $(BOARD_DIR)/../qemu_common/mps2.mk
