"""The ROMFS partition of a connected board."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tinymlaas.device.transport import Device, Progress, base64_literal, no_progress
from tinymlaas.romfs import Extent

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


_TOOLS = """
import vfs, binascii, hashlib
_d = vfs.rom_ioctl(2, 0)
_m = memoryview(_d)
def _sha(a, n):
    print(binascii.hexlify(hashlib.sha256(_m[a:a + n]).digest()).decode())
def _show(a, n):
    print(binascii.hexlify(_m[a:a + n]).decode())
"""
_BLOCK_TOOLS = """
def _write(a, b):
    _d.writeblocks(a // _B, b, a % _B)
def _erase(a, n):
    for _i in range(a // _B, (a + n + _B - 1) // _B):
        _d.ioctl(6, _i)
def _copy(a, b, n):
    _erase(b, n)
    for _i in range(0, n, 256):
        _write(b + _i, bytes(_m[a + _i:a + _i + 256]))
"""
_WHOLE_TOOLS = """
def _write(a, b):
    if vfs.rom_ioctl(4, 0, a, b) < 0:
        raise OSError(5)
def _erase(a, n):
    if vfs.rom_ioctl(3, 0, n) < 0:
        raise OSError(5)
"""
PROGRAM_BYTES = 256  # flash is programmed in pages; also a multiple of every port's smallest write
CHUNK_BYTES = 2048


class RomDevice:
    """Reads and writes the ROMFS partition of a board through code that runs on it."""

    def __init__(self, device: Device, partition: RomPartition) -> None:
        self.device, self.partition = device, partition
        device.exec(_TOOLS + f"_B = {partition.block}" + (_BLOCK_TOOLS if partition.block else _WHOLE_TOOLS))
        self._cache: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the partition; small reads come from cached pages, for walking the directory."""
        parts = []
        while length > 0 and offset < self.partition.size:
            start = offset // PROGRAM_BYTES * PROGRAM_BYTES
            part = self._page(start)[offset - start :][:length]
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def _page(self, start: int) -> bytes:
        if start not in self._cache:
            text = self.device.exec(f"_show({start}, {PROGRAM_BYTES})").decode()
            self._cache[start] = bytes.fromhex(text.strip())
        return self._cache[start]

    def sha256(self, extent: Extent) -> str:
        """SHA-256 of a part of the partition, computed on the board, as hexadecimal digits."""
        return self.device.exec(f"_sha({extent.offset}, {extent.size})", timeout=60).decode().strip()

    def erase(self, offset: int, length: int) -> None:
        """Erase; a board without erase blocks erases from the partition's start, whatever `offset`."""
        self.device.exec(f"_erase({offset}, {length})", timeout=60)

    def write(self, offset: int, data: bytes, progress: Progress = no_progress) -> None:
        """Write to erased flash; `offset` is a multiple of PROGRAM_BYTES."""
        self.device.exec("from binascii import a2b_base64 as _b")
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = padded(data[start : start + CHUNK_BYTES])
            self.device.exec(f"_write({offset + start}, _b({base64_literal(chunk)}))")
            progress(min(start + CHUNK_BYTES, len(data)), len(data))

    def copy(self, source: Extent, offset: int) -> None:
        """Copy data inside the partition to `offset`, on the board."""
        self.device.exec(f"_copy({source.offset}, {offset}, {source.size})", timeout=60)

    def remount(self) -> None:
        """Show the partition's new content at /rom."""
        remount(self.device)
        self._cache.clear()

    def switch(self, head: bytes) -> None:
        """Replace the directory at the partition's start by `head`, and mount it: one step on the board.

        Everything is on the board before the first sector is erased, so a lost connection cannot come in between.
        """
        self.device.exec("from binascii import a2b_base64 as _b\n_h = bytearray()")
        for start in range(0, len(head), CHUNK_BYTES):
            self.device.exec(f"_h.extend(_b({base64_literal(padded(head[start : start + CHUNK_BYTES]))}))")
        unmount = "try:\n vfs.umount('/rom')\nexcept OSError:\n pass\n"
        self.device.exec(f"{unmount}_erase(0, {len(head)})\n_write(0, _h)\n_h = None\n{_REMOUNT}", timeout=60)
        self._cache.clear()


def padded(data: bytes) -> bytes:
    """`data` filled up with erased flash (0xff) to whole program pages."""
    return data + b"\xff" * (-len(data) % PROGRAM_BYTES)
