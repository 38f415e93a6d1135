// Block device over RAM outside the GC heap: it outlives a soft reset. Erased bytes read 0xff, as in flash.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "board.h"

#define BLOCK_BYTES 4096

extern uint8_t _ramdisk_start[], _ramdisk_end[], _romfs_start[], _romfs_end[];

const board_ramdevice_t board_ramdisk = { { &board_ramdevice_type }, _ramdisk_start, _ramdisk_end };
const board_ramdevice_t board_romfs = { { &board_ramdevice_type }, _romfs_start, _romfs_end };

// Returns the address of `bytes` bytes at a block and offset of the device, or raises.
static uint8_t *locate(const mp_obj_t *args, size_t n_args, size_t bytes) {
    const board_ramdevice_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_uint_t size = self->end - self->start;
    mp_uint_t block = mp_obj_get_int(args[1]);
    mp_uint_t offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    if (block >= size / BLOCK_BYTES || offset > size || bytes > size || block * BLOCK_BYTES + offset > size - bytes) {
        mp_raise_OSError(MP_EIO);
    }
    return self->start + block * BLOCK_BYTES + offset;
}

static mp_obj_t ramdevice_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_WRITE);
    memcpy(buf.buf, locate(args, n_args, buf.len), buf.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ramdevice_readblocks_obj, 3, 4, ramdevice_readblocks);

static mp_obj_t ramdevice_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_READ);
    memcpy(locate(args, n_args, buf.len), buf.buf, buf.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ramdevice_writeblocks_obj, 3, 4, ramdevice_writeblocks);

static mp_obj_t ramdevice_ioctl(mp_obj_t self_in, mp_obj_t cmd_in, mp_obj_t arg_in) {
    const board_ramdevice_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(cmd_in)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT((self->end - self->start) / BLOCK_BYTES);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_BYTES);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: {
            mp_obj_t args[] = { self_in, arg_in };
            memset(locate(args, MP_ARRAY_SIZE(args), BLOCK_BYTES), 0xff, BLOCK_BYTES);
            return MP_OBJ_NEW_SMALL_INT(0);
        }
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(ramdevice_ioctl_obj, ramdevice_ioctl);

// Read-only, as of flash: VfsRom maps it and hands out memoryviews into it.
static mp_int_t ramdevice_get_buffer(mp_obj_t self_in, mp_buffer_info_t *buf, mp_uint_t flags) {
    const board_ramdevice_t *self = MP_OBJ_TO_PTR(self_in);
    if (flags & MP_BUFFER_WRITE) {
        return 1;
    }
    buf->buf = self->start;
    buf->len = self->end - self->start;
    buf->typecode = 'B';
    return 0;
}

static const mp_rom_map_elem_t ramdevice_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&ramdevice_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&ramdevice_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&ramdevice_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(ramdevice_locals, ramdevice_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    board_ramdevice_type,
    MP_QSTR_RAMDevice,
    MP_TYPE_FLAG_NONE,
    buffer, ramdevice_get_buffer,
    locals_dict, &ramdevice_locals
    );
