"""Put a file into a board's ROMFS without ever endangering the files that are there.

New data goes to free sectors; the directory, which alone says what the files are, is replaced last in one step on
the board. Until then the old directory and all it points to are untouched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tinymlaas import romfs
from tinymlaas.device.romdevice import RomDevice
from tinymlaas.device.transport import Progress
from tinymlaas.errors import DeviceError, FitError, ModuleError
from tinymlaas.romfs import Extent


def put(rom: RomDevice, name: str, data: bytes, progress: Progress, overwrite: bool = False) -> str:
    """Make `name` in ROMFS hold `data`; returns what was done, in words.

    overwrite: give up the old file of that name, or whatever cannot be kept, before the new one is written.
    Raises FitError with the numbers when there is no room, DeviceError when the board holds something else afterwards.
    """
    old = _present(rom, overwrite)
    if name in old and old[name].size == len(data) and _matches(rom, old[name], data):
        progress(len(data), len(data))
        return "was already there"
    if not rom.partition.block:
        return _rewrite(rom, old, name, data, progress, overwrite)
    if overwrite and name in old:
        del old[name]
        _switch(rom, old)
    return _insert(rom, old, name, data, progress)


def largest_free(rom: RomDevice) -> int:
    """Bytes of the largest file that could be added; 0 where the partition can only be rewritten as a whole."""
    if not rom.partition.block:
        return 0
    return _longest(_used_blocks(rom, _present(rom, overwrite=False).values())) * rom.partition.block


def _present(rom: RomDevice, overwrite: bool) -> dict[str, Extent]:
    """The files that are there. A damaged directory counts as none only when it may be overwritten."""
    try:
        return romfs.extents(rom.read)
    except ModuleError as error:
        if overwrite:
            return {}
        raise DeviceError(f"the board's ROMFS cannot be read ({error}); allow it to be overwritten") from error


def _matches(rom: RomDevice, extent: Extent, data: bytes) -> bool:
    return rom.sha256(extent) == hashlib.sha256(data).hexdigest()


def _insert(rom: RomDevice, old: dict[str, Extent], name: str, data: bytes, progress: Progress) -> str:
    """The new file into free sectors, then the directory that names it."""
    extent = Extent(_free_run(rom, old.values(), len(data), name), len(data))
    rom.erase(extent.offset, extent.size)
    rom.write(extent.offset, data, progress)
    if not _matches(rom, extent, data):
        raise DeviceError(
            f"{name}: its SHA-256 in the board's ROMFS is wrong after writing; the old files are untouched"
        )
    _switch(rom, {**old, name: extent})
    return "replaced the old one" if name in old else "is new"


def _switch(rom: RomDevice, files: dict[str, Extent]) -> None:
    """Move data out of the directory's way where needed (another tool's image), then write the directory."""
    kept = dict(files)
    reserved = _directory_bytes(rom, kept)
    for path, extent in files.items():
        if extent.offset < reserved and extent.size:
            offset = _free_run(rom, kept.values(), extent.size, path)
            rom.copy(extent, offset)
            kept[path] = Extent(offset, extent.size)
    rom.switch(romfs.directory(kept, rom.partition.size))


def _directory_bytes(rom: RomDevice, files: dict[str, Extent]) -> int:
    """Whole blocks for a directory of `files` and one more entry of moderate name."""
    records = len(romfs.directory(files, rom.partition.size))
    return romfs.align_up(records + 64, rom.partition.block)


def _free_run(rom: RomDevice, kept: Iterable[Extent], size: int, name: str) -> int:
    """Offset of the first free run of blocks for `size` bytes; FitError with the numbers when there is none."""
    block, total = rom.partition.block, rom.partition.size
    used = _used_blocks(rom, kept)
    start = used.find(bytes(max(1, -(-size // block))))
    if start < 0:
        raise FitError(
            f"{name} needs {size} bytes in one piece of ROMFS; of {total} bytes {used.count(0) * block} are free, "
            f"the longest piece has {_longest(used) * block}"
        )
    return start * block


def _used_blocks(rom: RomDevice, kept: Iterable[Extent]) -> bytearray:
    """Per block: 0 where it is free."""
    kept, block = list(kept), rom.partition.block
    used = bytearray(rom.partition.size // block)
    for extent in [Extent(0, _directory_bytes(rom, {str(i): e for i, e in enumerate(kept)})), *kept]:
        for index in range(extent.offset // block, min(-(-extent.end // block), len(used))):
            used[index] = 1
    return used


def _longest(used: bytearray) -> int:
    return max((len(run) for run in used.split(b"\1")), default=0)


def _rewrite(
    rom: RomDevice, old: dict[str, Extent], name: str, data: bytes, progress: Progress, overwrite: bool
) -> str:
    """A partition that can only be erased from its start: write all anew, if nothing is lost by an interruption."""
    if old and not overwrite:
        raise FitError(
            "this board's ROMFS can only be rewritten as a whole, and an interruption would lose "
            + ", ".join(sorted(old))
        )
    files = {path: rom.read(extent.offset, extent.size) for path, extent in old.items()} | {name: data}
    image = romfs.build(files)
    if len(image) > rom.partition.size:
        raise FitError(f"{name} makes a ROMFS of {len(image)} bytes; the partition has {rom.partition.size}")
    rom.erase(0, len(image))
    rom.write(0, image, progress)
    if not _matches(rom, Extent(0, len(image)), image):
        raise DeviceError(f"{name}: the board's ROMFS has a wrong SHA-256 after writing; deploy it again")
    rom.remount()
    return "is written, with the files that were there"
