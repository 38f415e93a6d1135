// The standard variant, and a ROM filesystem: VfsRom mounts an image held in memory, as boards do from flash.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_VFS_ROM (1)
#define MICROPY_VFS_ROM_IOCTL (0)

#include "variants/mpconfigvariant_common.h"
