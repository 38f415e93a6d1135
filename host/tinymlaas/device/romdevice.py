"""The ROMFS partition of a connected board."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tinymlaas.device.transport import Device

_QUERY = """
import vfs, uctypes
_d = vfs.rom_ioctl(2, 0) if hasattr(vfs, 'rom_ioctl') and vfs.rom_ioctl(1) > 0 else None
if _d is None or isinstance(_d, int):
    print(None)
else:
    _b = _d.ioctl(5, 0) if hasattr(_d, 'ioctl') else 0
    print((uctypes.addressof(memoryview(_d)), _b * _d.ioctl(4, 0) if _b else len(_d), _b))
"""
_REMOUNT = """
import vfs, sys
try:
    vfs.umount('/rom')
except OSError:
    pass
try:
    vfs.mount(vfs.VfsRom(vfs.rom_ioctl(2, 0)), '/rom')
    for _p in ('/rom', '/rom/lib'):
        if _p not in sys.path:
            sys.path.append(_p)
except OSError:
    pass
"""


@dataclass(frozen=True, slots=True)
class RomPartition:
    """Where a board keeps its ROMFS: `address` in its memory map, `size` and `block` (erase unit, 0: none) in bytes."""

    address: int
    size: int
    block: int


def query_romfs(device: Device, timeout: float = 30.0) -> RomPartition | None:
    """The first ROMFS partition of the board, or None when its firmware has none."""
    answer = ast.literal_eval(
        device.exec(f"try:\n{_indent(_QUERY)}\nexcept ImportError:\n print(None)", timeout).decode()
    )
    return None if answer is None else RomPartition(*answer)


def remount(device: Device) -> None:
    """Mount the partition's present content at /rom, as a boot does. An invalid image is left unmounted."""
    device.exec(_REMOUNT)


def _indent(code: str) -> str:
    return "".join(f" {line}\n" for line in code.strip().splitlines())
