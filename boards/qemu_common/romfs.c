// vfs.rom_ioctl(): one ROMFS partition. MicroPython itself mounts it at /rom when it holds an image.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "board.h"

#define MIN_WRITE_BYTES 4

static mp_int_t romfs_erase(mp_uint_t bytes) {
    if (bytes > (mp_uint_t)(board_romfs.end - board_romfs.start)) {
        return -MP_EINVAL;
    }
    memset(board_romfs.start, 0xff, bytes);
    return MIN_WRITE_BYTES;
}

static mp_int_t romfs_write(mp_uint_t offset, mp_obj_t data) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(data, &buf, MP_BUFFER_READ);
    mp_uint_t size = board_romfs.end - board_romfs.start;
    if (buf.len > size || offset > size - buf.len) {
        return -MP_EINVAL;
    }
    memcpy(board_romfs.start + offset, buf.buf, buf.len);
    return 0;
}

mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    mp_int_t cmd = mp_obj_get_int(args[0]);
    if (cmd == MP_VFS_ROM_IOCTL_GET_NUMBER_OF_SEGMENTS) {
        return MP_OBJ_NEW_SMALL_INT(1);
    }
    mp_int_t result = -MP_EINVAL;
    if (n_args < 2 || mp_obj_get_int(args[1]) != 0) {
        result = -MP_EINVAL;
    } else if (cmd == MP_VFS_ROM_IOCTL_GET_SEGMENT) {
        return MP_OBJ_FROM_PTR(&board_romfs);
    } else if (cmd == MP_VFS_ROM_IOCTL_WRITE_PREPARE && n_args == 3) {
        result = romfs_erase(mp_obj_get_int(args[2]));
    } else if (cmd == MP_VFS_ROM_IOCTL_WRITE && n_args == 4) {
        result = romfs_write(mp_obj_get_int(args[2]), args[3]);
    } else if (cmd == MP_VFS_ROM_IOCTL_WRITE_COMPLETE) {
        result = 0;
    }
    return MP_OBJ_NEW_SMALL_INT(result);
}
