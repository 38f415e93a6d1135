// _tinyml_ed25519, the module that checks signatures: in firmware, or a natmod of its own, so that who signs nothing pays nothing.
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "py/dynruntime.h"
#else
#include "py/runtime.h"
#endif

#include "ed25519.h"
#include "sha512.h"

static mp_buffer_info_t get_buffer(mp_obj_t object) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(object, &buffer, MP_BUFFER_READ);
    return buffer;
}

static const uint8_t *get_bytes(mp_obj_t object, size_t size) {
    mp_buffer_info_t buffer = get_buffer(object);
    if (buffer.len != size) {
        mp_raise_ValueError(MP_ERROR_TEXT("a key has 32 bytes, a signature 64"));
    }
    return buffer.buf;
}

// verify(public_key, signature, *parts): whether the signature is the key owner's, of the parts one after the other.
static mp_obj_t verify(size_t n_args, const mp_obj_t *args) {
    const uint8_t *key = get_bytes(args[0], TML_ED25519_KEY_BYTES);
    const uint8_t *signature = get_bytes(args[1], TML_ED25519_SIGNATURE_BYTES);
    uint8_t digest[TML_SHA512_BYTES];
    tml_sha512_t hash;
    tml_sha512_init(&hash);
    tml_sha512_update(&hash, signature, TML_ED25519_SIGNATURE_BYTES / 2);
    tml_sha512_update(&hash, key, TML_ED25519_KEY_BYTES);
    for (size_t i = 2; i < n_args; i++) {
        mp_buffer_info_t part = get_buffer(args[i]);
        tml_sha512_update(&hash, part.buf, part.len);
    }
    tml_sha512_final(&hash, digest);
    return mp_obj_new_bool(tml_ed25519_check(key, signature, digest));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(verify_obj, 2, verify);

#if defined(MICROPY_ENABLE_DYNRUNTIME)

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_verify, MP_OBJ_FROM_PTR(&verify_obj));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t module_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__tinyml_ed25519) },
    { MP_ROM_QSTR(MP_QSTR_verify), MP_ROM_PTR(&verify_obj) },
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t tinyml_ed25519_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&module_globals,
};
MP_REGISTER_MODULE(MP_QSTR__tinyml_ed25519, tinyml_ed25519_module);

#endif
