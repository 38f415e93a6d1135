# The part that all QEMU boards share. A board's mpconfigboard.mk sets the variables below and includes this file;
# MicroPython's own tree stays untouched.
#
#   QEMU_ARCH QEMU_MACHINE       as ports/qemu defines them
#   BOARD_MCU                    text for sys.implementation
#   BOARD_CPU_FLAGS              compiler flags that choose core, FPU and ABI
#   BOARD_CPU BOARD_UART         cpu_<name>.c and uart_<name>.c, found in this folder
#   BOARD_UART_BASE BOARD_UART_IRQ
#   BOARD_COUNTER_ADDRESS        a free-running 32-bit counter ...
#   BOARD_COUNTER_NS             ... its tick in nanoseconds of virtual time ...
#   BOARD_ICOUNT_SHIFT           ... and QEMU's -icount shift; board.toml says the same (a test compares them)
#   BOARD_WATCHDOGS              CMSDK watchdogs to stop, a comma-separated list of addresses, or nothing
#   BOARD_CODE_* BOARD_DATA_*    START and SIZE of the regions of memory.ld
#   BOARD_BULK_START             16 MiB of RAM for test inputs, heap, ROMFS and RAM disk

QEMU_COMMON := $(abspath $(BOARD_DIR)/../qemu_common)

CFLAGS += -I$(QEMU_COMMON) -DMP_CONFIGFILE='<qemu_config.h>'
CFLAGS += -DMICROPY_HW_MCU_NAME='"$(BOARD_MCU)"'
CFLAGS += -DBOARD_UART_BASE=$(BOARD_UART_BASE) -DBOARD_UART_IRQ=$(BOARD_UART_IRQ)
CFLAGS += -DBOARD_COUNTER_ADDRESS=$(BOARD_COUNTER_ADDRESS) -DBOARD_COUNTER_NS=$(BOARD_COUNTER_NS)
CFLAGS += -DBOARD_ICOUNT_SHIFT=$(BOARD_ICOUNT_SHIFT)
ifneq ($(BOARD_WATCHDOGS),)
CFLAGS += -DBOARD_WATCHDOGS=$(BOARD_WATCHDOGS)
endif
CFLAGS += $(BOARD_CPU_FLAGS)

LDSCRIPT = $(QEMU_COMMON)/memory.ld
board_region = -Wl,--defsym=$(1)_start=$($(2)_START) -Wl,--defsym=$(1)_size=$($(2)_SIZE)
LDFLAGS += $(call board_region,board_code,BOARD_CODE) $(call board_region,board_data,BOARD_DATA)
LDFLAGS += -Wl,--defsym=board_bulk_start=$(BOARD_BULK_START)

comma := ,
# Functions of the port that this layer replaces. Wrapping works whether or not the port's version defines them.
BOARD_WRAPPED = main uart_init uart_rx_chr uart_tx_strn mp_hal_stdio_poll mp_hal_ticks_ms mp_hal_ticks_us \
	mp_hal_ticks_cpu mp_hal_time_ns mp_hal_delay_ms mp_hal_delay_us
LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(BOARD_WRAPPED))

vpath %.c $(abspath $(QEMU_COMMON)/..)
SRC_C += $(addprefix qemu_common/, \
	main.c console.c clock.c ramdevice.c romfs.c modqemu.c cpu_$(BOARD_CPU).c uart_$(BOARD_UART).c)

MICROPY_VFS_LFS2 = 1
MICROPY_VFS_FAT = 0

# The firmware of the product, with USER_C_MODULES, freezes the tinyml package too; a stock build has neither.
ifneq ($(and $(USER_C_MODULES),$(wildcard $(QEMU_COMMON)/../../device/manifest.py)),)
FROZEN_MANIFEST ?= $(QEMU_COMMON)/manifest_tinyml.py
else
FROZEN_MANIFEST ?= $(QEMU_COMMON)/manifest.py
endif

# Nothing of micropython-lib is frozen, but the port insists on a folder with a README.md.
ifeq ($(wildcard $(MPY_LIB_DIR)/README.md),)
MPY_LIB_DIR = $(QEMU_COMMON)
endif
