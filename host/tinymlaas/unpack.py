"""Module bytes → what is inside, for inspect, deploy and tests. The device has its own, stricter loader in C."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ModuleError
from .planfmt import (
    DTYPES,
    FORMAT_VERSION,
    HEADER,
    MAGIC,
    RECORD_BYTES,
    TARGETS,
    TENSOR,
    operator_name,
    record_layout,
)

_DTYPE_NAMES = {code: name for name, code in DTYPES.items()}
# Of layers with a window: figures are divided by some of them.
_GEOMETRY = tuple(f"{name}_{axis}" for name in ("in", "out", "filter", "stride", "dilation") for axis in ("h", "w"))
_TARGET_NAMES = {code: name for name, code in TARGETS.items()}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output: arena offset and size in bytes, shape, dtype, quantisation, name."""

    name: str
    offset: int
    bytes: int
    dtype: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Module:
    """A decoded module; ``records`` are (operator name, fields) of what each run does."""

    header: dict[str, Any]
    target: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    records: tuple[tuple[str, dict[str, Any]], ...]
    metadata: dict[str, Any]
    data: bytes

    @property
    def arena_bytes(self) -> int:
        """RAM for activations and scratch."""
        return int(self.header["arena_bytes"])


def unpack(data: bytes, name: str = "module") -> Module:
    """Decode a module file; raises ModuleError with what is wrong."""
    header = _header(data, name)
    try:
        metadata = json.loads(_slice(data, header["metadata_offset"], header["metadata_bytes"]) or b"{}")
        tensors = _tensors(data, header, metadata)
        numbers = range(header["n_init"], header["n_records"])
        records = tuple(_record(data, header["records_offset"] + i * RECORD_BYTES) for i in numbers)
    except (struct.error, ValueError, KeyError, RecursionError) as error:
        raise ModuleError(f"{name}: damaged: {error}") from error
    inputs, outputs = tensors[: header["n_inputs"]], tensors[header["n_inputs"] :]
    return Module(header, _TARGET_NAMES[header["target"]], inputs, outputs, records, metadata, data)


@contextmanager
def figures_of(module: Module) -> Iterator[None]:
    """Figures are computed of records that only the loader checks in full: those that contradict each other end in a ModuleError."""
    try:
        yield
    except (ArithmeticError, LookupError, ValueError, RuntimeError, StopIteration) as error:
        name = module.metadata.get("name", "module")
        raise ModuleError(
            f"{name}: damaged: its records contradict each other ({error!r}); convert it again"
        ) from error


def is_module(data: bytes) -> bool:
    """Whether the bytes start like a module."""
    return data[: len(MAGIC)] == MAGIC


def _header(data: bytes, name: str) -> dict[str, Any]:
    if not is_module(data):
        raise ModuleError(f"{name}: not a tinyml module; make one with: tinymlaas convert MODEL.tflite -o MODEL.tml")
    if len(data) < HEADER.nbytes:
        raise ModuleError(f"{name}: {len(data)} bytes; a module has at least {HEADER.nbytes}: the file is cut short")
    header = HEADER.unpack(data)
    if header["format_version"] != FORMAT_VERSION:
        raise ModuleError(
            f"{name}: format version {header['format_version']}, this tinymlaas reads {FORMAT_VERSION}; "
            "convert the model again"
        )
    if header["file_bytes"] != len(data):
        raise ModuleError(
            f"{name}: {len(data)} bytes, its header says {header['file_bytes']}: the file is cut short or extended"
        )
    if header["target"] not in _TARGET_NAMES:
        raise ModuleError(f"{name}: made for kernel target {header['target']}, which this tinymlaas does not know")
    end = header["signature_offset"] or len(data)
    if hashlib.sha256(data[HEADER.nbytes : end]).digest() != bytes(header["payload_sha256"]):
        raise ModuleError(f"{name}: SHA-256 of the payload does not match: the file is damaged")
    return header


def _slice(data: bytes, offset: int, size: int) -> bytes:
    if offset + size > len(data):
        raise ValueError(f"section {offset}+{size} outside the file of {len(data)} bytes")
    return data[offset : offset + size]


def _tensors(data: bytes, header: dict[str, Any], metadata: dict[str, Any]) -> tuple[TensorInfo, ...]:
    count = header["n_inputs"] + header["n_outputs"]
    if not isinstance(metadata, dict):
        raise ValueError("the metadata is no JSON object")
    lists = [metadata.get(key, []) for key in ("inputs", "outputs")]
    if not all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in lists):
        raise ValueError("names in the metadata are no lists of texts")
    names = [name for names in lists for name in names]
    names += [f"t{i}" for i in range(len(names), count)]
    return tuple(
        _tensor(TENSOR.unpack(data, header["tensors_offset"] + i * TENSOR.nbytes), names[i]) for i in range(count)
    )


def _tensor(fields: dict[str, Any], name: str) -> TensorInfo:
    dtype = _DTYPE_NAMES[fields["dtype"]]
    scale = float(np.uint32(fields["scale"]).view(np.float32))
    shape = tuple(fields["shape"][: fields["rank"]])
    return TensorInfo(name, fields["offset"], fields["bytes"], dtype, shape, scale, fields["zero_point"])


def _record(data: bytes, offset: int) -> tuple[str, dict[str, Any]]:
    name = operator_name(data[offset]) if offset < len(data) else "?"
    fields = record_layout(name).unpack(data, offset)
    if none := [key for key in _GEOMETRY if fields.get(key) == 0]:
        raise ValueError(f"{name} with {none[0]} 0")
    return name, fields
