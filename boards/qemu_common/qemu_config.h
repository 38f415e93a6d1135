// Configuration of all QEMU boards, used through -DMP_CONFIGFILE: the port's own, plus what a real board has.

#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#undef MICROPY_PY_SELECT
#undef MICROPY_PY_ASYNCIO
#undef MICROPY_PY_SYS_STDIO_BUFFER
#undef MICROPY_VFS_ROM
#undef MICROPY_VFS_ROM_IOCTL

#define MICROPY_PY_TIME                 (1)
#define MICROPY_PY_TIME_TIME_TIME_NS    (0)
#define MICROPY_PY_SELECT               (1)
#define MICROPY_PY_ASYNCIO              (1)
#define MICROPY_PY_SYS_STDIO_BUFFER     (1)
#define MICROPY_VFS_ROM                 (1)
#define MICROPY_VFS_ROM_IOCTL           (1)
#define MICROPY_ENABLE_SCHEDULER        (1)
#define MICROPY_KBD_EXCEPTION           (1)
#define MICROPY_STACK_CHECK             (1)
#define MICROPY_REPL_STDIN_BUFFER_MAX   (256)

// No interrupt is ever taken, so that instruction counts repeat: the VM and everything that waits poll instead.
extern void board_poll(void);
#define MICROPY_INTERNAL_EVENT_HOOK     board_poll()
#define MICROPY_VM_HOOK_COUNT           (256)
#define MICROPY_VM_HOOK_INIT            static unsigned int vm_hook_left = MICROPY_VM_HOOK_COUNT;
#define MICROPY_VM_HOOK_POLL            if (--vm_hook_left == 0) { \
        vm_hook_left = MICROPY_VM_HOOK_COUNT; \
        board_poll(); \
}
#define MICROPY_VM_HOOK_LOOP            MICROPY_VM_HOOK_POLL
#define MICROPY_VM_HOOK_RETURN          MICROPY_VM_HOOK_POLL
