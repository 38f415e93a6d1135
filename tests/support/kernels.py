"""Single kernels under test: a record, its constants, an arena with guard bytes, and what must not change in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from tinymlaas.ctypes_host import Bytes, NativeLibrary, Table, aligned_bytes
from tinymlaas.planfmt import CHANNEL, OPERATORS, RECORD_BYTES, WIDE_CHANNEL, record_layout
from tinymlaas.toolchain.hostlib import build_hostlib

GUARD = 64


@cache
def library() -> NativeLibrary:
    """The shared library, built when out of date."""
    return NativeLibrary(build_hostlib())


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel call. ``data``: the arena before; ``written``: the (offset, size) ranges that the kernel may write."""

    op: str
    fields: dict[str, object]
    constants: bytes
    data: bytes
    written: tuple[tuple[int, int], ...]
    output: tuple[int, int]

    @property
    def record(self) -> bytes:
        """The record's bytes."""
        fields = {"op": OPERATORS[self.op][0]} | self.fields
        return record_layout(self.op).pack(fields).ljust(RECORD_BYTES, b"\0")

    def constants_array(self) -> Bytes:
        """The constants at an aligned address."""
        array = aligned_bytes(len(self.constants))
        array[:] = np.frombuffer(self.constants, np.uint8)
        return array

    def check(self) -> str:
        """The message of the load-time check; empty when it passes."""
        return library().check(self.op, self.record, self.constants_array(), len(self.data))

    def run(self, table: Table) -> bytes:
        """The output bytes; asserts that nothing outside ``written`` changed, before, in and behind the arena."""
        room = aligned_bytes(GUARD + len(self.data) + GUARD, 0xA5)
        arena = room[GUARD : GUARD + len(self.data)]
        arena[:] = np.frombuffer(self.data, np.uint8)
        before = room.copy()
        library().run_kernel(table, self.op, self.record, self.constants_array(), arena)
        output = arena[self.output[0] : sum(self.output)].tobytes()
        for offset, size in self.written:
            arena[offset : offset + size] = before[GUARD + offset : GUARD + offset + size]
        assert np.array_equal(room, before), f"{table} {self.op} wrote outside its output and scratch"
        return output


def channel_stream(rng: np.random.Generator, count: int, *, extreme: bool) -> bytes:
    """Bias, multiplier and shift of ``count`` channels: as in real models, or anything that the check allows."""
    limit = 2**31 if extreme else 2**14
    bias = rng.integers(-limit, limit, count)
    multiplier = rng.integers(2**30, 2**31, count)
    shift = rng.integers(-31, 31, count) if extreme else rng.integers(-12, -4, count)
    multiplier[rng.random(count) < 0.05] = 0
    return b"".join(
        CHANNEL.pack({"bias": int(b), "multiplier": int(m), "shift": int(s)})
        for b, m, s in zip(bias, multiplier, shift, strict=True)
    )


def wide_channel_stream(rng: np.random.Generator, count: int, *, narrow: bool, extreme: bool) -> bytes:
    """The same for int16; narrow: for sums of 32 bits."""
    limit = 2**31 if narrow else 2**63 - 1
    bias = rng.integers(-limit, limit, count) if extreme else rng.integers(-(2**20), 2**20, count)
    multiplier = rng.integers(2**30, 2**31, count) if narrow else rng.integers(2**14, 2**15, count) << 16
    shift = rng.integers(-31, 31 if narrow else 8, count) if extreme else rng.integers(-12, -4, count)
    multiplier[rng.random(count) < 0.05] = 0
    return b"".join(
        WIDE_CHANNEL.pack({"bias_low": b & 0xFFFFFFFF, "bias_high": b >> 32, "multiplier": m, "shift": s})
        for b, m, s in zip(bias.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
    )


def random_bytes(rng: np.random.Generator, size: int, kind: str) -> bytes:
    """int8 data: "random", or all of one extreme: "min" (-128), "max" (127)."""
    if kind == "random":
        return rng.integers(0, 256, size).astype(np.uint8).tobytes()
    return bytes([0x80 if kind == "min" else 0x7F]) * size


def arena_of(rng: np.random.Generator, parts: list[bytes], gaps: list[int]) -> tuple[bytes, list[int]]:
    """The parts with random bytes between; returns the arena, a multiple of 16 bytes, and the parts' offsets."""
    arena, offsets = b"", []
    for part, gap in zip(parts, gaps, strict=True):
        arena += random_bytes(rng, gap, "random")
        offsets.append(len(arena))
        arena += part
    return arena + random_bytes(rng, -len(arena) % 16, "random"), offsets
