"""ROMFS images (MicroPython's read-only filesystem) with aligned file data; pure functions on bytes.

Format: extmod/vfs_rom.c of MicroPython. An image is one record whose payload holds directory, file, data and padding
records. MicroPython's own builder lets file data fall on any address; a Cortex-M0+ faults on a word read there. Here
file records point (data-pointer records) to data on 16-byte boundaries of the image, which itself starts on a sector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tinymlaas.errors import ModuleError

ALIGNMENT = 16
MAGIC = b"\xd2\xcd\x31"
PADDING, DATA, POINTER, DIRECTORY, FILE = 1, 2, 3, 4, 5
LENGTH_BYTES = 4  # fixed width of the image's own length field: up to 2**28 - 1 bytes of payload
HEADER_BYTES = len(MAGIC) + LENGTH_BYTES

Read = Callable[[int, int], bytes]  # (offset, length) -> bytes of the image, fewer at its end


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a file's data lies: offset from the image's start and size, in bytes."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Offset of the first byte after the data."""
        return self.offset + self.size


def align_up(value: int, alignment: int) -> int:
    """The smallest multiple of `alignment` that is not below `value`."""
    return -(-value // alignment) * alignment


def _varuint(value: int, width: int = 1) -> bytes:
    """Big-endian groups of 7 bits, the high bit set on all but the last; padded with 0x80 to `width` bytes."""
    encoded = [value & 0x7F]
    while value := value >> 7:
        encoded.insert(0, 0x80 | (value & 0x7F))
    return bytes([0x80] * (width - len(encoded)) + encoded)


def _record(kind: int, payload: bytes) -> bytes:
    return _varuint(kind) + _varuint(len(payload)) + payload


def _named(kind: int, name: str, payload: bytes) -> bytes:
    text = name.encode()
    return _record(kind, _varuint(len(text)) + text + payload)


def _tree(extents: Mapping[str, Extent]) -> dict[str, dict[str, Extent]]:
    """First path component -> what is below it ('' when the component is the file itself)."""
    tree: dict[str, dict[str, Extent]] = {}
    for path, extent in extents.items():
        head, _, rest = path.partition("/")
        if not head or rest.startswith("/") or (rest == "" and "/" in path):
            raise ModuleError(f"'{path}' is no path of a file in ROMFS")
        tree.setdefault(head, {})[rest] = extent
    return tree


def _records(extents: Mapping[str, Extent]) -> bytes:
    parts = []
    for name, below in sorted(_tree(extents).items()):
        if "" not in below:
            parts.append(_named(DIRECTORY, name, _records(below)))
        elif len(below) == 1:
            pointer = _varuint(below[""].size) + _varuint(below[""].offset - HEADER_BYTES)
            parts.append(_named(FILE, name, _record(POINTER, pointer)))
        else:
            raise ModuleError(f"'{name}' is a file and a directory in one ROMFS image")
    return b"".join(parts)


def directory(extents: Mapping[str, Extent], image_bytes: int) -> bytes:
    """The head of an image of `image_bytes` in all: header, records, and the header of a padding record for the rest.

    What follows it in the image, up to its end, is free for file data.
    """
    records = _records(extents)
    payload = image_bytes - HEADER_BYTES
    rest = payload - len(records) - 1 - LENGTH_BYTES
    if rest < 0:
        raise ModuleError(f"a ROMFS image of {image_bytes} bytes has no room for {len(records)} bytes of directory")
    return MAGIC + _varuint(payload, LENGTH_BYTES) + records + _varuint(PADDING) + _varuint(rest, LENGTH_BYTES)


def build(files: Mapping[str, bytes], alignment: int = ALIGNMENT) -> bytes:
    """An image that holds `files` (path without leading slash -> content), each aligned to `alignment` in the image.

    The same files give the same bytes. Raises ModuleError for paths that cannot be.
    """
    head = len(directory({path: Extent(1 << 27, len(data)) for path, data in files.items()}, 1 << 28))
    extents, offset = {}, align_up(head, alignment)
    for path, data in sorted(files.items()):
        extents[path] = Extent(offset, len(data))
        offset = align_up(offset + len(data), alignment)
    image = bytearray(max(offset, align_up(head, 2)))
    start = directory(extents, len(image))
    image[: len(start)] = start
    for path, extent in extents.items():
        image[extent.offset : extent.end] = files[path]
    return bytes(image)


class _Cursor:
    """Reads varuints from an image through `read`, and refuses to leave it."""

    def __init__(self, read: Read, offset: int) -> None:
        self.read, self.offset = read, offset

    def take(self, length: int) -> bytes:
        data = self.read(self.offset, length)
        if len(data) != length:
            raise ModuleError(f"damaged ROMFS: {length} bytes wanted at offset {self.offset}, {len(data)} there")
        self.offset += length
        return data

    def varuint(self) -> int:
        value = 0
        while True:
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
            if value >> 32:
                raise ModuleError(f"damaged ROMFS: number at offset {self.offset} exceeds 32 bits")


def _entry_records(read: Read, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(kind, payload start, payload end) of the records from `start` to `end`."""
    cursor = _Cursor(read, start)
    while cursor.offset < end:
        kind, length = cursor.varuint(), cursor.varuint()
        if kind == 0 or cursor.offset + length > end:
            raise ModuleError(f"damaged ROMFS: record of kind {kind} and {length} bytes before offset {cursor.offset}")
        yield kind, cursor.offset, cursor.offset + length
        cursor.offset += length


def _file_extent(read: Read, start: int, end: int, base: int) -> Extent:
    for kind, first, last in _entry_records(read, start, end):
        if kind == DATA:
            return Extent(first, last - first)
        if kind == POINTER:
            cursor = _Cursor(read, first)
            size = cursor.varuint()
            return Extent(base + cursor.varuint(), size)
    raise ModuleError(f"damaged ROMFS: file record at offset {start} has no data")


def _decode(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise ModuleError(f"damaged ROMFS: {name!r} is no UTF-8 name") from error


def _walk(read: Read, start: int, end: int, base: int, prefix: str) -> Iterator[tuple[str, Extent]]:
    for kind, first, last in _entry_records(read, start, end):
        if kind not in (DIRECTORY, FILE):
            continue
        cursor = _Cursor(read, first)
        name = prefix + _decode(cursor.take(cursor.varuint()))
        if kind == FILE:
            yield name, _file_extent(read, cursor.offset, last, base)
        else:
            yield from _walk(read, cursor.offset, last, base, name + "/")


def extents(read: Read) -> dict[str, Extent]:
    """Where each file of an image lies, reading no more of it than its records; {} when `read` shows no ROMFS."""
    if read(0, len(MAGIC)) != MAGIC:
        return {}
    cursor = _Cursor(read, len(MAGIC))
    length = cursor.varuint()
    return dict(_walk(read, cursor.offset, cursor.offset + length, cursor.offset, ""))


def parse(image: bytes) -> dict[str, bytes]:
    """The files of an image; raises ModuleError when it is no ROMFS or damaged."""
    if image[: len(MAGIC)] != MAGIC:
        raise ModuleError("not a ROMFS image: it does not begin with 'RM1'")
    found = extents(lambda offset, length: image[offset : offset + length])
    outside = [path for path, extent in found.items() if extent.end > len(image)]
    if outside:
        raise ModuleError(f"damaged ROMFS: the data of {', '.join(outside)} lies beyond the image's {len(image)} bytes")
    return {path: image[extent.offset : extent.end] for path, extent in found.items()}
