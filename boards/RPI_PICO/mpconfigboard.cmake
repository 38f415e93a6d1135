# Raspberry Pi Pico with the _tinyml module and a ROMFS partition that inference modules run from in place.
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")

# The port's linker script names *vm.c.obj, *gc.c.obj and *parse.c.obj to run from RAM, but the pico-sdk 2.1 toolchain
# file calls objects *.c.o, so they stay in flash. We leave it so on purpose: it keeps 17.6 kB more heap for models'
# arenas, and inference spends its time in kernels, not in the interpreter.

if(TINYML_STOCK)
    set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest_stock.py)
else()
    set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
endif()
