// Life cycle of a board: start, _boot.py, boot.py, main.py, REPL, soft reset. Replaces the main() of ports/qemu,
// which has neither a filesystem nor a heap of this size; its gc_collect() and nlr_jump_fail() stay in use.

#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"

#define STACK_RESERVE_BYTES (8 * 1024) // for C code below the deepest Python call

extern uint8_t _heap_start[], _heap_end[], _sstack[], _estack[];

// Returns true when a script asked for a soft reset.
static bool run_user_scripts(void) {
    int result = pyexec_file_if_exists("boot.py");
    if (!(result & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && result != 0) {
        result = pyexec_file_if_exists("main.py");
    }
    return result & PYEXEC_FORCED_EXIT;
}

static void run_repl(void) {
    int result = 0;
    while (result == 0) {
        result = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
    }
}

int __wrap_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    mp_stack_ctrl_init();
    mp_stack_set_limit(_estack - _sstack - STACK_RESERVE_BYTES);
    gc_init(_heap_start, _heap_end);
    for (;;) {
        mp_init(); // mounts ROMFS at /rom
        mp_obj_list_append(mp_sys_path, MP_OBJ_NEW_QSTR(qstr_from_str("/lib")));
        readline_init0();
        pyexec_frozen_module("_boot.py", false);
        if (!run_user_scripts()) {
            run_repl();
        }
        mp_printf(&mp_plat_print, "MPY: soft reboot\n"); // mpremote waits for exactly this
        gc_sweep_all();
        mp_deinit();
    }
}
