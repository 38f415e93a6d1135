# Cortex-M boards: flags for compiler and assembler, GC helper for Thumb-2.

QEMU_ARCH = arm
BOARD_CPU = cortexm
BOARD_UART = cmsdk
include $(BOARD_DIR)/../qemu_common/board.mk

AFLAGS += $(BOARD_AS_FLAGS)
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
MPY_CROSS_FLAGS += -march=$(BOARD_MPY_ARCH)
