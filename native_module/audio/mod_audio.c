// _tinyml_audio, the front-end of speech models: in firmware, or a natmod of its own, so that who has no microphone pays nothing.
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "py/dynruntime.h"
#else
#include "py/runtime.h"
#endif

#include "frontend.h"
#include "quantise.h"

static mp_buffer_info_t get_buffer(mp_obj_t object, mp_uint_t flags) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(object, &buffer, flags);
    return buffer;
}

// A buffer that C may take for a structure or array of that size.
static void *get_memory(mp_obj_t object, size_t size, size_t alignment) {
    mp_buffer_info_t buffer = get_buffer(object, MP_BUFFER_RW);
    if (buffer.len != size || (uintptr_t)buffer.buf % alignment != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("state or frame has another size, or lies misaligned"));
    }
    return buffer.buf;
}

static tml_audio_t *get_state(mp_obj_t object) {
    return get_memory(object, sizeof(tml_audio_t), sizeof(uint32_t));
}

static uint16_t *get_frame(mp_obj_t object) {
    return get_memory(object, TML_AUDIO_CHANNELS * sizeof(uint16_t), sizeof(uint16_t));
}

static mp_int_t get_between(mp_obj_t object, mp_int_t low, mp_int_t high) {
    mp_int_t value = mp_obj_get_int(object);
    if (value < low || value > high) {
        mp_raise_ValueError(MP_ERROR_TEXT("number out of range"));
    }
    return value;
}

// reset(state, hop): silence so far; hop in samples.
static mp_obj_t reset(mp_obj_t state, mp_obj_t hop) {
    tml_audio_reset(get_state(state), (unsigned)get_between(hop, 1, TML_AUDIO_WINDOW));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(reset_obj, reset);

// feed(state, samples, at, frame): takes samples from number `at` on; returns where it stopped, with a new frame, or -1 when all
// are taken and make no frame.
static mp_obj_t feed(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    tml_audio_t *state = get_state(args[0]);
    mp_buffer_info_t samples = get_buffer(args[1], MP_BUFFER_READ);
    const size_t n = samples.len / sizeof(int16_t);
    const size_t at = (size_t)get_between(args[2], 0, (mp_int_t)n);
    uint16_t *frame = get_frame(args[3]);
    // Python can write into the state.
    if (state->hop < 1 || state->hop > TML_AUDIO_WINDOW || state->n_samples >= TML_AUDIO_WINDOW) {
        mp_raise_ValueError(MP_ERROR_TEXT("state was not reset"));
    }
    bool is_complete;
    const size_t taken = tml_audio_feed(state, (const uint8_t *)samples.buf + at * sizeof(int16_t), n - at, frame, &is_complete);
    return MP_OBJ_NEW_SMALL_INT(is_complete ? (mp_int_t)(at + taken) : -1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(feed_obj, 4, 4, feed);

// quantise(frame, out, numerator, denominator, zero_point): out takes 40 int8 values.
static mp_obj_t quantise(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const uint16_t *frame = get_frame(args[0]);
    int8_t *out = get_memory(args[1], TML_AUDIO_CHANNELS, 1);
    const tml_audio_scaling_t scaling = {
        .numerator = (uint32_t)get_between(args[2], 1, TML_AUDIO_FRACTION),
        .denominator = (uint32_t)get_between(args[3], 1, TML_AUDIO_FRACTION),
        .zero_point = (int32_t)get_between(args[4], -128, 127),
    };
    tml_audio_quantise(out, frame, TML_AUDIO_CHANNELS, &scaling);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(quantise_obj, 5, 5, quantise);

#if defined(MICROPY_ENABLE_DYNRUNTIME)

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_STATE_BYTES, MP_OBJ_NEW_SMALL_INT(sizeof(tml_audio_t)));
    mp_store_global(MP_QSTR_reset, MP_OBJ_FROM_PTR(&reset_obj));
    mp_store_global(MP_QSTR_feed, MP_OBJ_FROM_PTR(&feed_obj));
    mp_store_global(MP_QSTR_quantise, MP_OBJ_FROM_PTR(&quantise_obj));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t module_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__tinyml_audio) },
    { MP_ROM_QSTR(MP_QSTR_STATE_BYTES), MP_ROM_INT(sizeof(tml_audio_t)) },
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&reset_obj) },
    { MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&feed_obj) },
    { MP_ROM_QSTR(MP_QSTR_quantise), MP_ROM_PTR(&quantise_obj) },
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t tinyml_audio_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&module_globals,
};
MP_REGISTER_MODULE(MP_QSTR__tinyml_audio, tinyml_audio_module);

#endif
