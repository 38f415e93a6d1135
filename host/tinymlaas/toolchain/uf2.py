"""UF2 files: what the RP2040's boot loader accepts when they are copied to its USB drive."""

from __future__ import annotations

import struct

MAGIC = (0x0A324655, 0x9E5D5157)
MAGIC_END = 0x0AB16F30
FAMILY_PRESENT = 0x2000
FAMILY_RP2040 = 0xE48BFF56
PAYLOAD_BYTES = 256
BLOCK_BYTES = 512
FLASH_BASE = 0x10000000


def from_bin(image: bytes, base: int = FLASH_BASE, family: int = FAMILY_RP2040) -> bytes:
    """`image`, to be written at address `base`, as UF2 blocks of 256 bytes; the last one is padded with zeros."""
    count = -(-len(image) // PAYLOAD_BYTES)
    return b"".join(_block(image, index, count, base, family) for index in range(count))


def _block(image: bytes, index: int, count: int, base: int, family: int) -> bytes:
    offset = index * PAYLOAD_BYTES
    header = struct.pack("<8I", *MAGIC, FAMILY_PRESENT, base + offset, PAYLOAD_BYTES, index, count, family)
    payload = image[offset : offset + PAYLOAD_BYTES].ljust(BLOCK_BYTES - len(header) - 4, b"\0")
    return header + payload + struct.pack("<I", MAGIC_END)
