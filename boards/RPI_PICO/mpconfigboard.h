// 2 MiB of flash: 640 KiB firmware, 384 KiB ROMFS at offset 0xa0000, 1 MiB littlefs at offset 0x100000.
#define MICROPY_HW_BOARD_NAME                   "Raspberry Pi Pico"
#define MICROPY_HW_FLASH_STORAGE_BYTES          (1024 * 1024)
#define MICROPY_HW_ROMFS_BYTES                  (384 * 1024)
