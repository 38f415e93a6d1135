// _tinyml_image, which puts camera frames into models: in firmware, or a natmod of its own, so that who has no camera pays nothing.
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "py/dynruntime.h"
#else
#include "py/runtime.h"
#endif

#include <string.h>

#include "fit.h"

static void *get_memory(mp_obj_t object, mp_uint_t flags, size_t size) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(object, &buffer, flags);
    if (buffer.len < size) {
        mp_raise_ValueError(MP_ERROR_TEXT("frame or output is too small for its size in pixels"));
    }
    return buffer.buf;
}

// fit(out, frame, numbers, table): numbers are those of tml_fit_t. Buffers may be larger than needed.
static mp_obj_t fit_into(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    tml_fit_t fit;
    memcpy(&fit, get_memory(args[2], MP_BUFFER_READ, sizeof(fit)), sizeof(fit));
    if (!tml_fit_is_valid(&fit)) {
        mp_raise_ValueError(MP_ERROR_TEXT("sizes are 1 to 4096 pixels, the crop lies in the frame, channels are 1 or 3"));
    }
    int8_t *out = get_memory(args[0], MP_BUFFER_WRITE, tml_fit_out_bytes(&fit));
    const uint8_t *frame = get_memory(args[1], MP_BUFFER_READ, tml_fit_frame_bytes(&fit));
    tml_fit(&fit, out, frame, get_memory(args[3], MP_BUFFER_READ, tml_fit_table_bytes(&fit)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(fit_obj, 4, 4, fit_into);

#if defined(MICROPY_ENABLE_DYNRUNTIME)

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_fit, MP_OBJ_FROM_PTR(&fit_obj));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t module_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__tinyml_image) },
    { MP_ROM_QSTR(MP_QSTR_fit), MP_ROM_PTR(&fit_obj) },
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t tinyml_image_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&module_globals,
};
MP_REGISTER_MODULE(MP_QSTR__tinyml_image, tinyml_image_module);

#endif
