"""Inference in slices on this machine: the C core built with slices small enough for small models."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from tinymlaas.ctypes_host import NativeLibrary, NativeModel
from tinymlaas.planfmt import RECORD_BYTES
from tinymlaas.toolchain.hostlib import FLAGS, core_sources
from tinymlaas.toolchain.paths import build_dir, native_dir

STEPS = 64  # multiply-accumulates of a slice; the product's are 16384
PLANNED_SCRATCH = 0xFFFFFFFF


class Record(ctypes.Structure):
    """One record as C passes it stores it."""

    _fields_ = (("bytes", ctypes.c_uint8 * RECORD_BYTES),)


class SliceLibrary(NativeLibrary):
    """A build of one target whose slices have about STEPS multiply-accumulates."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lib.tml_slice.restype = ctypes.c_uint32

    def slices(self, record: bytes) -> list[bytes]:
        """The records that a record is cut into."""
        whole, part = Record.from_buffer_copy(record), Record()
        n = self._lib.tml_slice(ctypes.byref(whole), ctypes.c_uint32(0), ctypes.byref(part))
        parts = []
        for i in range(n):
            self._lib.tml_slice(ctypes.byref(whole), ctypes.c_uint32(i), ctypes.byref(part))
            parts.append(bytes(part.bytes))
        return parts

    def run_slices(
        self, model: NativeModel, inputs: list[np.ndarray], order: np.random.Generator
    ) -> tuple[list[np.ndarray], int]:
        """One inference with the slices of each record in random order; returns the outputs and the number of slices."""
        total, first = 0, model.header["records_offset"]
        for view, value in zip(model.inputs, inputs, strict=True):
            view[...] = value.reshape(view.shape)
        for i in range(model.header["n_records"]):
            at = first + RECORD_BYTES * i
            n = len(self.slices(model._module[at : at + RECORD_BYTES].tobytes()))
            for j in order.permutation(n):
                arena, numbers = ctypes.c_void_p(model.arena.ctypes.data), (i, int(j), PLANNED_SCRATCH)
                self._lib.tml_run_slice(ctypes.byref(model._plan), arena, *map(ctypes.c_uint32, numbers))
            total += n
        return [view.copy() for view in model.outputs], total


def compile_core(output: str, target: str, options: Sequence[str | Path]) -> Path:
    """build/hostlib/<output>: the core with small slices, and what the options add."""
    path = build_dir() / "hostlib" / output
    path.parent.mkdir(parents=True, exist_ok=True)
    common = [*FLAGS, f"-DTML_SLICE_STEPS={STEPS}u", f"-I{native_dir()}", "-o", path]
    subprocess.run(["cc", *common, *options, *core_sources(target)], check=True)
    return path


@cache
def library(target: str = "x64") -> SliceLibrary:
    """Built anew in each test session: the core changes more often than it is tested."""
    return SliceLibrary(compile_core(f"libtinyml-slices-{target}.so", target, ["-shared"]))
