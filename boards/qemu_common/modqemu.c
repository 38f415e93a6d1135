// Module `qemu`: what Python code may want of this board beyond MicroPython's own modules.

#include "py/runtime.h"
#include "board.h"

// instructions() -> int: instructions executed since power-on. Exact; see clock.c.
static mp_obj_t qemu_instructions(void) {
    return mp_obj_new_int_from_ull(board_instructions());
}
static MP_DEFINE_CONST_FUN_OBJ_0(qemu_instructions_obj, qemu_instructions);

static const mp_rom_map_elem_t qemu_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_qemu) },
    { MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&qemu_instructions_obj) },
    { MP_ROM_QSTR(MP_QSTR_ramdisk), MP_ROM_PTR(&board_ramdisk) },
};
static MP_DEFINE_CONST_DICT(qemu_globals, qemu_globals_table);

const mp_obj_module_t qemu_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&qemu_globals,
};

MP_REGISTER_MODULE(MP_QSTR_qemu, qemu_module);
