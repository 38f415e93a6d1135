// The only file that sees MicroPython: arguments in, exceptions out, one method table for firmware and natmod.
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "py/dynruntime.h"
#else
#include "py/runtime.h"
#endif
#include "py/objarray.h"
#include "py/objtuple.h"

#include <string.h>

#include "tml_counter.h"
#include "tml_exec.h"

typedef struct {
    mp_obj_base_t base;
    mp_obj_t source; // keeps the module's bytes alive
    uint8_t *arena;
    tml_plan_t plan;
    tml_position_t position; // of the inference that step() began
} model_t;

static void raise_fault(tml_status_t status, const tml_fault_t *fault) {
    char message[128];
    size_t length = tml_message(message, sizeof(message), status, fault);
    mp_raise_type_arg(&mp_type_ValueError, mp_obj_new_str(message, length));
}

// Model(buffer): verifies the module in place and allocates its arena, zeroed so that a run on unset inputs repeats itself.
static mp_obj_t model_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[0], &buffer, MP_BUFFER_READ);
    tml_plan_t plan;
    tml_fault_t fault;
    tml_status_t status = tml_load(&plan, buffer.buf, buffer.len, &tml_target, &fault);
    if (status != TML_OK) {
        raise_fault(status, &fault);
    }
    model_t *self = mp_obj_malloc(model_t, type);
    self->position = (tml_position_t) {0, 0};
    self->source = args[0];
    self->plan = plan;
    self->arena = m_malloc(plan.header->arena_bytes);
    memset(self->arena, 0, plan.header->arena_bytes);
    tml_reset(&self->plan, self->arena);
    return MP_OBJ_FROM_PTR(self);
}

// A method can be taken from its class and called on any object, and not every build checks that it is of the class.
// The type is known by its constructor: in a natmod it has no fixed address.
static model_t *get_model(mp_obj_t self_in) {
    const mp_obj_type_t *type = mp_obj_get_type(self_in);
    if (!MP_OBJ_TYPE_HAS_SLOT(type, make_new) || MP_OBJ_TYPE_GET_SLOT(type, make_new) != model_make_new) {
        mp_raise_TypeError(MP_ERROR_TEXT("not a _tinyml.Model"));
    }
    return MP_OBJ_TO_PTR(self_in);
}

// For what makes a whole inference: abandons the one that step() began.
static model_t *get_model_anew(mp_obj_t self_in) {
    model_t *self = get_model(self_in);
    self->position = (tml_position_t) {0, 0};
    return self;
}

static uint32_t get_index(mp_obj_t arg, uint32_t count) {
    mp_int_t index = mp_obj_get_int(arg);
    if (index < 0 || (mp_uint_t)index >= count) {
        mp_raise_type_arg(&mp_type_IndexError, arg);
    }
    return (uint32_t)index;
}

static mp_obj_t model_run(mp_obj_t self_in) {
    model_t *self = get_model_anew(self_in);
    tml_run(&self->plan, self->arena);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_run_obj, model_run);

// run_counted(address): ticks of a free-running counter that pass during run() alone.
static mp_obj_t model_run_counted(mp_obj_t self_in, mp_obj_t address_in) {
    model_t *self = get_model_anew(self_in);
    uintptr_t address = (uintptr_t)mp_obj_get_int_truncated(address_in);
    uint32_t start = tml_counter(address);
    tml_run(&self->plan, self->arena);
    return mp_obj_new_int_from_uint(tml_counter(address) - start);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_run_counted_obj, model_run_counted);

// A counter as above, or a function without arguments such as time.ticks_us.
typedef struct {
    mp_obj_t function; // or MP_OBJ_NULL
    uintptr_t address;
} ticker_t;

static ticker_t get_ticker(mp_obj_t clock) {
    if (MP_OBJ_TYPE_HAS_SLOT(mp_obj_get_type(clock), call)) {
        return (ticker_t) {clock, 0};
    }
    return (ticker_t) {MP_OBJ_NULL, (uintptr_t)mp_obj_get_int_truncated(clock)};
}

// Ticks have 30 bits, as MicroPython's have on most boards.
static uint32_t ticks_since(uint32_t start, const ticker_t *ticker) {
    uint32_t now;
    if (ticker->function == MP_OBJ_NULL) {
        now = tml_counter(ticker->address);
    } else {
        now = (uint32_t)mp_obj_get_int_truncated(mp_call_function_n_kw(ticker->function, 0, 0, NULL));
    }
    return (now - start) & 0x3fffffff;
}

// profile(clock): ticks of each record of one inference. The tuple is there before the inference begins.
static mp_obj_t model_profile(mp_obj_t self_in, mp_obj_t clock) {
    model_t *self = get_model_anew(self_in);
    const ticker_t ticker = get_ticker(clock);
    uint32_t n = TML_N_RECORDS(self->plan.header);
    mp_obj_tuple_t *ticks = MP_OBJ_TO_PTR(mp_obj_new_tuple(n, NULL));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t start = ticks_since(0, &ticker);
        tml_run_record(&self->plan, self->arena, i);
        ticks->items[i] = MP_OBJ_NEW_SMALL_INT(ticks_since(start, &ticker));
    }
    return MP_OBJ_FROM_PTR(ticks);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_profile_obj, model_profile);

// run_slice(record, slice): one slice of a record; returns how many it has.
static mp_obj_t model_run_slice(mp_obj_t self_in, mp_obj_t record_in, mp_obj_t slice_in) {
    model_t *self = get_model_anew(self_in);
    uint32_t record = get_index(record_in, TML_N_RECORDS(self->plan.header));
    uint32_t slice = get_index(slice_in, UINT32_MAX);
    return mp_obj_new_int_from_uint(tml_run_slice(&self->plan, self->arena, record, slice, TML_PLANNED_SCRATCH));
}
static MP_DEFINE_CONST_FUN_OBJ_3(model_run_slice_obj, model_run_slice);

// step(clock, budget): slices of an inference for so many ticks, of which the next is expected to take as long as the last; at
// least one. True: the inference is done.
static mp_obj_t model_step(mp_obj_t self_in, mp_obj_t clock, mp_obj_t budget_in) {
    model_t *self = get_model(self_in);
    const ticker_t ticker = get_ticker(clock);
    const mp_int_t budget = mp_obj_get_int(budget_in);
    const uint32_t start = ticks_since(0, &ticker);
    uint32_t passed = 0, last;
    do {
        if (tml_step(&self->plan, self->arena, &self->position)) {
            return mp_const_true;
        }
        last = passed;
        passed = ticks_since(start, &ticker);
    } while ((mp_int_t)(2 * passed - last) < budget);
    return mp_const_false;
}
static MP_DEFINE_CONST_FUN_OBJ_3(model_step_obj, model_step);

// restart(): the next step() begins an inference.
static mp_obj_t model_restart(mp_obj_t self_in) {
    get_model_anew(self_in);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_restart_obj, model_restart);

// reset(): as after loading, but for what inputs hold.
static mp_obj_t model_reset(mp_obj_t self_in) {
    model_t *self = get_model_anew(self_in);
    tml_reset(&self->plan, self->arena);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_reset_obj, model_reset);

// selftest(index): how many output bytes differ from the expected ones.
static mp_obj_t model_selftest(mp_obj_t self_in, mp_obj_t index_in) {
    model_t *self = get_model_anew(self_in);
    uint32_t index = get_index(index_in, self->plan.header->n_selftests);
    return mp_obj_new_int_from_uint(tml_selftest(&self->plan, self->arena, index));
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_selftest_obj, model_selftest);

#if defined(MICROPY_ENABLE_DYNRUNTIME)
// mp_obj_new_memoryview is not in the table of functions that natmods can reach. The type is taken from builtins, because
// a caller's own global named memoryview would be used as one.
static mp_obj_array_t *new_memoryview(char typecode, size_t count, void *items) {
    mp_obj_t builtins = mp_import_name(MP_QSTR_builtins, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    const mp_obj_type_t *type = MP_OBJ_TO_PTR(mp_load_attr(builtins, MP_QSTR_memoryview));
    mp_obj_array_t *view = mp_obj_malloc(mp_obj_array_t, type);
    view->typecode = typecode;
    view->free = 0; // of a memoryview: the offset, in items
    view->len = count;
    view->items = items;
    return view;
}
#else
static mp_obj_array_t *new_memoryview(char typecode, size_t count, void *items) {
    return MP_OBJ_TO_PTR(mp_obj_new_memoryview(typecode, count, items));
}
#endif

static char typecode_of(uint8_t dtype, uint32_t *item_bytes) {
    *item_bytes = dtype == TML_DTYPE_INT16 ? 2 : dtype == TML_DTYPE_INT32 || dtype == TML_DTYPE_FLOAT32 ? 4 : 1;
    switch (dtype) {
        case TML_DTYPE_INT8:
            return 'b';
        case TML_DTYPE_INT16:
            return 'h';
        case TML_DTYPE_INT32:
            return 'i';
        case TML_DTYPE_FLOAT32:
            return 'f';
        default:
            return 'B';
    }
}

// tensor(index): writable view of an input, or after those an output. The view keeps the arena alive: its items pointer
// is the arena's first byte, which is what the garbage collector looks for, and the offset stands beside it.
static mp_obj_t model_tensor(mp_obj_t self_in, mp_obj_t index_in) {
    model_t *self = get_model(self_in);
    const tml_header_t *header = self->plan.header;
    const tml_tensor_t *tensor = &self->plan.tensors[get_index(index_in, header->n_inputs + header->n_outputs)];
    uint32_t item_bytes;
    char typecode = typecode_of(tensor->dtype, &item_bytes);
    mp_obj_array_t *view = new_memoryview(typecode | MP_OBJ_ARRAY_TYPECODE_FLAG_RW, tensor->bytes / item_bytes, self->arena);
    view->free = tensor->offset / item_bytes;
    if (view->free != tensor->offset / item_bytes) { // 24 bits on a 32-bit machine
        mp_raise_ValueError(MP_ERROR_TEXT("tensor lies beyond the first 16 M items of the arena"));
    }
    return MP_OBJ_FROM_PTR(view);
}
static MP_DEFINE_CONST_FUN_OBJ_2(model_tensor_obj, model_tensor);

// state(): writable view of what is kept between runs.
static mp_obj_t model_state(mp_obj_t self_in) {
    model_t *self = get_model(self_in);
    return MP_OBJ_FROM_PTR(new_memoryview('B' | MP_OBJ_ARRAY_TYPECODE_FLAG_RW, TML_STATE_BYTES(self->plan.header), self->arena));
}
static MP_DEFINE_CONST_FUN_OBJ_1(model_state_obj, model_state);

static mp_obj_t get_target(void) {
    size_t length = 0;
    while (tml_target.name[length] != 0) {
        length++;
    }
    return mp_obj_new_str(tml_target.name, length);
}
static MP_DEFINE_CONST_FUN_OBJ_0(get_target_obj, get_target);

// One list of methods for both builds. Qstrs are spelled out: the build looks for them in the text.
#define MODEL_METHODS(X) \
    X(MP_QSTR_run, model_run_obj) \
    X(MP_QSTR_run_counted, model_run_counted_obj) \
    X(MP_QSTR_profile, model_profile_obj) \
    X(MP_QSTR_step, model_step_obj) \
    X(MP_QSTR_restart, model_restart_obj) \
    X(MP_QSTR_reset, model_reset_obj) \
    X(MP_QSTR_state, model_state_obj) \
    X(MP_QSTR_run_slice, model_run_slice_obj) \
    X(MP_QSTR_selftest, model_selftest_obj) \
    X(MP_QSTR_tensor, model_tensor_obj)

#define MODULE_FUNCTIONS(X) \
    X(MP_QSTR_target, get_target_obj)

#define MODULE_CONSTANTS(X) \
    X(MP_QSTR_FORMAT_VERSION, TML_FORMAT_VERSION) \
    X(MP_QSTR_RUNTIME_VERSION, TML_RUNTIME_VERSION) \
    X(MP_QSTR_HEADER_BYTES, sizeof(tml_header_t))

#if defined(MICROPY_ENABLE_DYNRUNTIME)

#define COUNT(name, value) + 1
#define METHOD(name, object) *entry++ = (mp_rom_map_elem_t) {MP_OBJ_NEW_QSTR(name), MP_OBJ_FROM_PTR(&object)};
#define FUNCTION(name, object) mp_store_global(name, MP_OBJ_FROM_PTR(&object));
#define CONSTANT(name, value) mp_store_global(name, MP_OBJ_NEW_SMALL_INT(value));

// The type lives on the heap, held by the module's globals: natmods have no writable data.
static mp_obj_t new_model_type(void) {
    mp_rom_map_elem_t *entry = m_malloc((0 MODEL_METHODS(COUNT)) * sizeof(*entry));
    mp_obj_dict_t *locals = m_malloc(sizeof(*locals));
    locals->base.type = mp_fun_table.type_dict;
    locals->map = (mp_map_t) {
        .all_keys_are_qstrs = 1, .is_fixed = 1, .is_ordered = 1,
        .used = 0 MODEL_METHODS(COUNT), .alloc = 0 MODEL_METHODS(COUNT), .table = (mp_map_elem_t *)entry,
    };
    MODEL_METHODS(METHOD)
    mp_obj_full_type_t *type = m_malloc(sizeof(*type));
    mp_fun_table.memset_(type, 0, sizeof(*type));
    type->base.type = &mp_type_type;
    type->name = MP_QSTR_Model;
    MP_OBJ_TYPE_SET_SLOT(type, make_new, model_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(type, locals_dict, locals, 1);
    return MP_OBJ_FROM_PTR(type);
}

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_Model, new_model_type());
    MODULE_FUNCTIONS(FUNCTION)
    MODULE_CONSTANTS(CONSTANT)
    MP_DYNRUNTIME_INIT_EXIT
}

#else

#define METHOD(name, object) { MP_ROM_QSTR(name), MP_ROM_PTR(&object) },
#define CONSTANT(name, value) { MP_ROM_QSTR(name), MP_ROM_INT(value) },

static const mp_rom_map_elem_t model_locals_table[] = { MODEL_METHODS(METHOD) };
static MP_DEFINE_CONST_DICT(model_locals, model_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    model_type,
    MP_QSTR_Model,
    MP_TYPE_FLAG_NONE,
    make_new, model_make_new,
    locals_dict, &model_locals
    );

static const mp_rom_map_elem_t module_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__tinyml) },
    { MP_ROM_QSTR(MP_QSTR_Model), MP_ROM_PTR(&model_type) },
    MODULE_FUNCTIONS(METHOD)
    MODULE_CONSTANTS(CONSTANT)
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t tinyml_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&module_globals,
};
MP_REGISTER_MODULE(MP_QSTR__tinyml, tinyml_module);

#endif
