"""Damaged files end, soon, in a clean error that names the place, or in a graph."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.errors import ModelError, UnsupportedError
from tinymlaas.ops import OPS
from tinymlaas.tflite.importer import read
from tinymlaas.tflite.reader import NO_OPTIONS, Reader, Table


def _model() -> bytes:
    """A convolution, a reshape and a fully-connected layer: every kind of table that the importer reads."""
    rng = np.random.default_rng(1)
    tensors = [
        TensorSpec((1, 5, 5, 2), 0.5, 3),
        TensorSpec((3, 3, 3, 2), [0.1, 0.2, 0.3], 0, data=rng.integers(-128, 128, (3, 3, 3, 2)).astype(np.int8)),
        TensorSpec((3,), [0.05, 0.1, 0.15], 0, dtype="int32", data=np.array([1, 2, 3], np.int32)),
        TensorSpec((1, 3, 3, 3), 0.5, 3),
        TensorSpec((2,), dtype="int32", data=np.array([1, 27], np.int32)),
        TensorSpec((1, 27), 0.5, 3),
        TensorSpec((4, 27), 0.1, 0, data=rng.integers(-128, 128, (4, 27)).astype(np.int8)),
        TensorSpec((1, 4), 0.5, 3),
    ]
    window = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    ops = [
        OpSpec("CONV_2D", (0, 1, 2), (3,), window),
        OpSpec("RESHAPE", (3, 4), (5,), {"newShape": [1, 27]}),
        OpSpec("FULLY_CONNECTED", (5, 6, -1), (7,)),
    ]
    return write_tflite(tensors, ops, [0], [7])


def _import(data: bytes) -> str:
    """The message of the error; empty when the model is imported and checked."""
    try:
        graph = read(data, "x.tflite")
        for op in graph.ops:
            OPS[op.code].check(graph, op)
    except (ModelError, UnsupportedError) as error:
        return str(error)
    return ""


def test_sound_model() -> None:
    assert _import(_model()) == ""


def test_every_truncation() -> None:
    data = _model()
    for length in range(len(data)):
        message = _import(data[:length])
        assert message.startswith("x.tflite: ") or length > len(data) - 16, length


def test_every_byte() -> None:
    """Flip a bit in each byte of the file in turn: an error or a graph, nothing else."""
    data, rng = _model(), np.random.default_rng(6)
    outcomes = []
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        outcomes.append(_import(bytes(damaged)))
    assert any(outcomes)
    assert not all(outcomes)


def test_random_damage_is_fast() -> None:
    data, rng = np.frombuffer(_model(), np.uint8), np.random.default_rng(7)
    slowest = 0.0
    for _ in range(3000):
        damaged = data.copy()
        places = rng.integers(0, len(data), rng.integers(1, 20))
        damaged[places] = rng.integers(0, 256, len(places))
        start = time.process_time()
        _import(damaged.tobytes())
        slowest = max(slowest, time.process_time() - start)
    assert slowest < 1.0


def test_random_bytes() -> None:
    rng = np.random.default_rng(8)
    for size in (0, 1, 7, 8, 40, 4000):
        assert _import(rng.integers(0, 256, size).astype(np.uint8).tobytes())
        assert _import(b"\x08\0\0\0TFL3" + rng.integers(0, 256, size).astype(np.uint8).tobytes())


def test_message_names_the_offset() -> None:
    data = _model()
    with pytest.raises(ModelError, match=r"x\.tflite: damaged at byte \d+ of 100: .* reaches beyond the end"):
        read(data[:100], "x.tflite")
    with pytest.raises(ModelError, match=r"not a \.tflite file"):
        read(b"PK\x03\x04" + b"zip!", "x.tflite")


def test_references_to_the_same_bytes() -> None:
    """A vector of 16 000 references to one table that holds a large vector would unfold to 2.5 * 10^8 numbers."""
    n = 16_000
    head = struct.pack("<HHHHiI", 6, 8, 4, 0, 8, 4)  # a vtable, padding, its table with one reference to what follows
    table_at = 4 + 4 * n + 8  # from the start of the vector
    references = b"".join(struct.pack("<I", table_at - (4 + 4 * i)) for i in range(n))
    vectors = struct.pack("<I", n) + references + head + struct.pack("<I", n) + bytes(4 * n)
    reader = Reader(head + vectors, "loop")
    start = time.process_time()
    tables = Table(reader, 8).tables(0)
    with pytest.raises(ModelError, match="over and over"):
        _ = [table.vector(0, "<i4") for table in tables]
    assert time.process_time() - start < 5


def test_defaults() -> None:
    assert NO_OPTIONS.int32(3, 1) == 1
    assert NO_OPTIONS.table(0) is None
    assert NO_OPTIONS.string(1) == ""
    assert NO_OPTIONS.tables(2) == []
    assert not NO_OPTIONS.boolean(4)
