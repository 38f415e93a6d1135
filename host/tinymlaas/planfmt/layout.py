"""Structs of the module file: fields, their sizes, and how they are packed. Little-endian and naturally aligned."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

_CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i"}
CTYPES = {
    "u8": "uint8_t",
    "i8": "int8_t",
    "u16": "uint16_t",
    "i16": "int16_t",
    "u32": "uint32_t",
    "i32": "int32_t",
}
_SIZES = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct: C name, type code, what it means, and how many of them (an array when > 1)."""

    name: str
    type: str
    doc: str
    count: int = 1

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return _SIZES[self.type] * self.count


@dataclass(frozen=True, slots=True)
class Layout:
    """A packed little-endian struct of the module file."""

    name: str
    doc: str
    fields: tuple[Field, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(f.nbytes for f in self.fields)

    def offsets(self) -> list[int]:
        """Byte offset of each field."""
        out, at = [], 0
        for f in self.fields:
            out.append(at)
            at += f.nbytes
        return out

    def pack(self, values: dict[str, Any]) -> bytes:
        """Encode; a field that is not given is zero. Raises ``struct.error`` when a value does not fit."""
        unknown = set(values) - {f.name for f in self.fields}
        if unknown:
            raise KeyError(f"{self.name} has no field {sorted(unknown)}")
        return b"".join(_pack_field(f, values.get(f.name, 0)) for f in self.fields)

    def unpack(self, data: bytes, offset: int = 0) -> dict[str, Any]:
        """Decode the struct at a byte offset of ``data``."""
        out: dict[str, Any] = {}
        for f, at in zip(self.fields, self.offsets(), strict=True):
            values = struct.unpack_from(f"<{f.count}{_CODES[f.type]}", data, offset + at)
            out[f.name] = values[0] if f.count == 1 else values
        return out


def _pack_field(field: Field, value: Any) -> bytes:
    values = [value] if field.count == 1 else list(value or [])
    values += [0] * (field.count - len(values))
    return struct.pack(f"<{field.count}{_CODES[field.type]}", *values)
