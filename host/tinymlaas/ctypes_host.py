"""The native module's C core on this machine, through ctypes: the same loader, checks and kernels as on a device."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .errors import ModuleError
from .planfmt import ALIGN, DTYPES, HEADER, OPERATORS, TENSOR, VARIANTS

Bytes = npt.NDArray[np.uint8]
Table = Literal["ref", "shipped"]

_N_OPS = max(code for code, _ in OPERATORS.values()) + 1
_MESSAGE_BYTES = 160


class _Fault(ctypes.Structure):
    _fields_ = (
        ("record", ctypes.c_int32),
        ("op", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 3),
        ("value", ctypes.c_uint32),
        ("limit", ctypes.c_uint32),
    )


class _Plan(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in ("module", "header", "tensors", "records", "target"))


class _Context(ctypes.Structure):
    _fields_ = (("arena", ctypes.c_void_p), ("module", ctypes.c_void_p))


class _Bounds(ctypes.Structure):
    _fields_ = (
        ("module", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_uint32),
        ("scratch_bytes", ctypes.c_uint32),
        ("constants_begin", ctypes.c_uint32),
        ("constants_end", ctypes.c_uint32),
        ("work", ctypes.c_uint64),
        ("fault", ctypes.POINTER(_Fault)),
    )


_KERNEL = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Context), ctypes.c_void_p)
_CHECK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Bounds), ctypes.c_void_p)


class _Target(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("id", ctypes.c_uint16),
        ("n_variants", ctypes.c_uint16),
        ("kernel", ctypes.c_void_p * _N_OPS),
        ("check", ctypes.c_void_p * _N_OPS),
        ("variants", ctypes.c_void_p),
    )


class _Variant(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("variant", ctypes.c_uint8),
        ("kernel", ctypes.c_void_p),
        ("check", ctypes.c_void_p),
    )


def aligned_bytes(size: int, fill: int = 0, align: int = ALIGN) -> Bytes:
    """A uint8 array of ``size`` whose address is a multiple of ``align``."""
    room = np.full(size + align, fill, np.uint8)
    start = -room.ctypes.data % align
    return room[start : start + size]


class NativeLibrary:
    """The shared library that ``toolchain.hostlib`` builds."""

    def __init__(self, path: Path) -> None:
        """Load it; OSError when it is not a library of this machine."""
        self._lib = ctypes.CDLL(str(path))
        self._lib.tml_message.restype = ctypes.c_size_t
        self._lib.tml_selftest.restype = ctypes.c_uint32
        self._lib.tml_find_variant.restype = ctypes.POINTER(_Variant)
        self._target = _Target.in_dll(self._lib, "tml_target")
        self.target = str(self._target.name.decode())

    def load(self, module: bytes) -> NativeModel:
        """Verify a module, copied to an aligned place. Raises ModuleError with the loader's message."""
        data = aligned_bytes(len(module))
        data[:] = np.frombuffer(module, np.uint8)
        return self.load_in_place(data)

    def load_in_place(self, data: Bytes) -> NativeModel:
        """Verify a module where it lies; its address must be a multiple of 16."""
        plan, fault = _Plan(), _Fault()
        status = self._lib.tml_load(
            ctypes.byref(plan),
            ctypes.c_void_p(data.ctypes.data),
            ctypes.c_size_t(len(data)),
            ctypes.byref(self._target),
            ctypes.byref(fault),
        )
        if status != 0:
            raise ModuleError(self._message(status, fault))
        return NativeModel(self._lib, plan, data)

    def check(self, op: str, record: bytes, module: Bytes, arena_bytes: int) -> str:
        """Message of the load-time check of one record, all of ``module`` being constants; empty when it passes."""
        fault = _Fault(record=0, op=OPERATORS[op][0])
        bounds = _Bounds(module.ctypes.data, arena_bytes, arena_bytes, 0, len(module), 0, ctypes.pointer(fault))
        status = self._entry(op, record)[1](ctypes.byref(bounds), _as_pointer(record))
        return self._message(status, fault) if status != 0 else ""

    def run_kernel(self, table: Table, op: str, record: bytes, module: Bytes, arena: Bytes) -> None:
        """Run one kernel on a record that passed its check: that of kernels/ref (plain layout only), or the one that ships."""
        reference = f"tml_ref_{op.lower()}"
        kernel = ctypes.cast(self._lib[reference], _KERNEL) if table == "ref" else self._entry(op, record)[0]
        context = _Context(arena.ctypes.data, module.ctypes.data)
        kernel(ctypes.byref(context), _as_pointer(record))

    def _entry(self, op: str, record: bytes) -> tuple[Any, Any]:
        """Kernel and check that ship for a record's operator and variant."""
        code = OPERATORS[op][0]
        if record[1] == VARIANTS["plain"]:
            return _KERNEL(self._target.kernel[code]), _CHECK(self._target.check[code])
        found = self._lib.tml_find_variant(ctypes.byref(self._target), _as_pointer(record))
        if not found:
            raise ModuleError(f"{op} variant {record[1]} is not in the {self.target} build")
        return _KERNEL(found.contents.kernel), _CHECK(found.contents.check)

    def _message(self, status: int, fault: _Fault) -> str:
        text = ctypes.create_string_buffer(_MESSAGE_BYTES)
        self._lib.tml_message(text, ctypes.c_size_t(_MESSAGE_BYTES), ctypes.c_int(status), ctypes.byref(fault))
        return text.value.decode()


class NativeModel:
    """A verified module with its own arena."""

    def __init__(self, lib: ctypes.CDLL, plan: _Plan, module: Bytes) -> None:
        """Made by NativeLibrary.load."""
        self._lib, self._plan, self._module = lib, plan, module
        self.header = HEADER.unpack(module.tobytes())
        self.arena: Bytes = aligned_bytes(self.header["arena_bytes"])
        tensors = [self._tensor(i) for i in range(self.header["n_inputs"] + self.header["n_outputs"])]
        self.inputs = tensors[: self.header["n_inputs"]]
        self.outputs = tensors[self.header["n_inputs"] :]
        self.reset()

    def reset(self) -> None:
        """The state at its beginning."""
        self._lib.tml_reset(ctypes.byref(self._plan), ctypes.c_void_p(self.arena.ctypes.data))

    @property
    def state(self) -> Bytes:
        """A view of what is kept between runs."""
        return self.arena[: self.header["state_blocks"] * ALIGN]

    def run(self, inputs: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """One inference. Inputs in the model's own shapes and dtypes; returns copies of the outputs."""
        for view, value in zip(self.inputs, inputs, strict=True):
            if value.dtype != view.dtype:
                raise ModuleError(f"input is {value.dtype}, the model takes {view.dtype}: quantise it first")
            view[...] = value.reshape(view.shape)
        self._lib.tml_run(ctypes.byref(self._plan), ctypes.c_void_p(self.arena.ctypes.data))
        return [view.copy() for view in self.outputs]

    def time_run(self) -> int:
        """Nanoseconds of one inference on whatever the inputs hold."""
        arena, begin = ctypes.c_void_p(self.arena.ctypes.data), time.perf_counter_ns()
        self._lib.tml_run(ctypes.byref(self._plan), arena)
        return time.perf_counter_ns() - begin

    def time_record(self, index: int) -> int:
        """Nanoseconds of one record."""
        arena, number = ctypes.c_void_p(self.arena.ctypes.data), ctypes.c_uint32(index)
        begin = time.perf_counter_ns()
        self._lib.tml_run_record(ctypes.byref(self._plan), arena, number)
        return time.perf_counter_ns() - begin

    def time_nothing(self) -> int:
        """Nanoseconds of a call that does next to nothing: what the others hold of calling from Python."""
        nothing, begin = ctypes.c_uint32(0), time.perf_counter_ns()
        self._lib.tml_selftest_fill(ctypes.byref(nothing), None, nothing)
        return time.perf_counter_ns() - begin

    def run_bytes(self, data: bytes) -> bytes:
        """The same on bytes: all inputs one after the other in, all outputs out."""
        expected = sum(view.nbytes for view in self.inputs)
        if len(data) != expected:
            raise ModuleError(f"{len(data)} input bytes, the model takes {expected}")
        parts, at = [], 0
        for view in self.inputs:
            parts.append(np.frombuffer(data, view.dtype, view.size, at))
            at += view.nbytes
        return b"".join(output.tobytes() for output in self.run(parts))

    def selftest(self) -> list[int]:
        """Number of output bytes that differ, for each self-test vector of the module."""
        arena = ctypes.c_void_p(self.arena.ctypes.data)
        vectors = range(self.header["n_selftests"])
        return [int(self._lib.tml_selftest(ctypes.byref(self._plan), arena, ctypes.c_uint32(i))) for i in vectors]

    def _tensor(self, index: int) -> npt.NDArray[Any]:
        """View of an input or output in the arena."""
        fields = TENSOR.unpack(self._module.tobytes(), self.header["tensors_offset"] + index * TENSOR.nbytes)
        dtype = next(name for name, code in DTYPES.items() if code == fields["dtype"])
        data = self.arena[fields["offset"] : fields["offset"] + fields["bytes"]]
        return data.view(np.dtype(dtype)).reshape(fields["shape"][: fields["rank"]])


def _as_pointer(record: bytes) -> ctypes.c_void_p:
    return ctypes.cast(ctypes.create_string_buffer(record, max(len(record), 64)), ctypes.c_void_p)
