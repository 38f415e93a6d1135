"""A bounds-checked reader of FlatBuffers.

Whatever the bytes, it ends in time and memory proportional to the file, with a value or a ModelError.

Layout: https://flatbuffers.dev/internals - a table starts with the signed distance back to its vtable; the vtable
holds its own size, the table's size, and for each field its distance from the table's start (0: absent).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..errors import ModelError, UnsupportedError
from ..graph import Array

# References may point many times at the same bytes; the budget keeps a small damaged file from unfolding endlessly.
_BUDGET_PER_BYTE = 8
_BUDGET_BASE = 1 << 20
# Each table takes some microseconds to read: no model for a microcontroller has this many tensors, buffers or layers.
_MOST_TABLES = 1 << 14


class Reader:
    """The bytes of one file, its name for messages, and what is left of the reading budget."""

    __slots__ = ("_budget", "data", "name")

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self._budget = _BUDGET_BASE + _BUDGET_PER_BYTE * len(data)

    def damaged(self, offset: int, what: str) -> ModelError:
        """The error for damage found at a byte offset."""
        return ModelError(
            f"{self.name}: damaged at byte {offset} of {len(self.data)}: {what}; fetch or convert the file again"
        )

    def claim(self, offset: int, size: int, what: str) -> None:
        """Check that ``size`` bytes at ``offset`` lie in the file, and take them off the budget."""
        if offset < 0 or offset + size > len(self.data):
            raise self.damaged(offset, f"{what} of {size} B reaches beyond the end")
        self._budget -= size
        if self._budget < 0:
            raise self.damaged(offset, "the same bytes are referred to over and over")

    def scalar(self, offset: int, code: str) -> Any:
        """One little-endian scalar of a ``struct`` code."""
        self.claim(offset, struct.calcsize(code), "number")
        return struct.unpack_from("<" + code, self.data, offset)[0]

    def follow(self, offset: int) -> int:
        """Where the forward reference at ``offset`` points to."""
        return offset + int(self.scalar(offset, "I"))

    def root(self, identifier: bytes) -> Table:
        """The root table of a file with a four-byte identifier."""
        if self.data[4:8] != identifier:
            found = self.data[4:8]
            raise ModelError(f"{self.name}: not a .tflite file: bytes 4 to 7 are {found!r} instead of {identifier!r}")
        return Table(self, self.follow(0))


class Table:
    """One table; fields are named by their slot number, absent ones give the default."""

    __slots__ = ("_end", "_slots", "_vtable", "offset", "reader")

    def __init__(self, reader: Reader, offset: int) -> None:
        self.reader = reader
        self.offset = offset
        self._vtable = offset - int(reader.scalar(offset, "i"))
        vtable_bytes = int(reader.scalar(self._vtable, "H"))
        self._end = offset + int(reader.scalar(self._vtable + 2, "H"))
        if vtable_bytes < 4 or vtable_bytes % 2:
            raise reader.damaged(self._vtable, f"vtable of {vtable_bytes} B")
        reader.claim(self._vtable, vtable_bytes, "vtable")
        reader.claim(offset, self._end - offset, "table")
        self._slots = vtable_bytes // 2 - 2

    def _field(self, slot: int, size: int) -> int:
        """Offset of a field of ``size`` bytes in the file; 0 when absent."""
        if slot >= self._slots:
            return 0
        distance = int(self.reader.scalar(self._vtable + 4 + 2 * slot, "H"))
        if distance and (distance < 4 or self.offset + distance + size > self._end):
            raise self.reader.damaged(self.offset + distance, f"field {slot} lies outside its table")
        return self.offset + distance if distance else 0

    def _number(self, slot: int, code: str, default: Any) -> Any:
        at = self._field(slot, struct.calcsize(code))
        return self.reader.scalar(at, code) if at else default

    def int8(self, slot: int, default: int = 0) -> int:
        """A field of type byte."""
        return int(self._number(slot, "b", default))

    def uint8(self, slot: int, default: int = 0) -> int:
        """A field of type ubyte."""
        return int(self._number(slot, "B", default))

    def int32(self, slot: int, default: int = 0) -> int:
        """A field of type int."""
        return int(self._number(slot, "i", default))

    def uint32(self, slot: int, default: int = 0) -> int:
        """A field of type uint."""
        return int(self._number(slot, "I", default))

    def uint64(self, slot: int, default: int = 0) -> int:
        """A field of type ulong."""
        return int(self._number(slot, "Q", default))

    def float32(self, slot: int, default: float = 0.0) -> float:
        """A field of type float."""
        return float(self._number(slot, "f", default))

    def boolean(self, slot: int, default: bool = False) -> bool:
        """A field of type bool."""
        return bool(self._number(slot, "B", default))

    def table(self, slot: int) -> Table | None:
        """A field that is a table; None when absent."""
        at = self._field(slot, 4)
        return Table(self.reader, self.reader.follow(at)) if at else None

    def vector(self, slot: int, dtype: str) -> Array:
        """A vector of scalars as a read-only view of the file; empty when absent. ``dtype``: such as ``<i4``."""
        start, count = self._vector(slot, np.dtype(dtype).itemsize)
        return np.frombuffer(self.reader.data, dtype, count, start) if count else np.empty(0, dtype)

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        start, count = self._vector(slot, 4)
        if count > _MOST_TABLES:
            raise UnsupportedError(
                f"{self.reader.name}: a list of {count} tensors, buffers or layers at byte {start}, supported are "
                f"up to {_MOST_TABLES}; make the model smaller"
            )
        return [Table(self.reader, self.reader.follow(start + 4 * i)) for i in range(count)]

    def string(self, slot: int) -> str:
        """A string; empty when absent, bytes that are not UTF-8 replaced."""
        return self.vector(slot, "<u1").tobytes().decode("utf-8", "replace")

    def _vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        at = self._field(slot, 4)
        if not at:
            return 0, 0
        start = self.reader.follow(at)
        count = int(self.reader.scalar(start, "I"))
        self.reader.claim(start + 4, count * item_bytes, f"vector of {count}")
        return start + 4, count


# What operators parse when the file gives no options: every field has its default.
NO_OPTIONS = Table(Reader(b"\x04\0\x04\0\x04\0\0\0", "defaults"), 4)
