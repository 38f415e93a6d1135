import qemu
import vfs

try:
    fs = vfs.VfsLfs2(qemu.ramdisk, progsize=256, readsize=256, lookahead=64)
except OSError:
    vfs.VfsLfs2.mkfs(qemu.ramdisk, progsize=256, readsize=256, lookahead=64)
    fs = vfs.VfsLfs2(qemu.ramdisk, progsize=256, readsize=256, lookahead=64)
vfs.mount(fs, "/")

del fs, vfs, qemu
