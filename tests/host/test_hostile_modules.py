"""Modules whose hash is right and whose numbers are not, arrays and labels that are no such thing: one sentence from every command."""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.seeds import MODULES
from tests.support import hostile
from tests.support.small_module import small_module, small_tflite
from tinymlaas.planfmt import HEADER

EDGES = (0, 1, 2, 3, 127, 128, 255, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
COMMANDS = (("inspect",), ("fit",), ("deploy", "--dry-run", "--on", "/dev/null"))


def hashed(module: bytes) -> bytes:
    """With the SHA-256 of its payload put right, so that the damage gets further."""
    end = HEADER.unpack(module)["signature_offset"] or len(module)
    at = HEADER.offsets()[[f.name for f in HEADER.fields].index("payload_sha256")]
    return module[:at] + hashlib.sha256(module[HEADER.nbytes : end]).digest() + module[at + 32 :]


def damaged(module: bytes, seed: int) -> bytes:
    """Some numbers of header, tensors, records or metadata changed."""
    rng, header, out = random.Random(seed), HEADER.unpack(module), bytearray(module)
    ends = (HEADER.nbytes - 32, header["selftests_offset"], header["metadata_offset"] + header["metadata_bytes"])
    for _ in range(rng.randint(1, 3)):
        zone, width = rng.randrange(3), rng.choice((1, 2, 4))
        start = (16, header["tensors_offset"], header["metadata_offset"])[zone]
        at = rng.randrange(start, max(start + 1, ends[zone] - 4)) // width * width
        value = rng.choice((rng.choice(EDGES), rng.randrange(1024), rng.getrandbits(32)))
        out[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    return hashed(bytes(out))


def with_metadata(metadata: bytes) -> bytes:
    """The small module with other metadata, behind everything else."""
    names, out = [f.name for f in HEADER.fields], bytearray(small_module() + metadata)
    places = {"metadata_offset": len(small_module()), "metadata_bytes": len(metadata), "file_bytes": len(out)}
    for name, value in places.items():
        struct.pack_into("<I", out, HEADER.offsets()[names.index(name)], value)
    return hashed(bytes(out))


METADATA = (b"[]", b"null", b'"x"', b'{"inputs":5}', b'{"inputs":[5]}', b'{"inputs":null}', b"[" * 100000,
            b'{"labels":5}', b'{"name":[1]}', b"\xff\xfe", b"1" * 5000, b"")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_modules_that_lie(tmp_path: Path, command: tuple[str, ...]) -> None:
    seeds = [path.read_bytes() for path in sorted(MODULES.glob("*.tml"))]
    modules = [damaged(seeds[n % len(seeds)], n) for n in range(120)] + [with_metadata(m) for m in METADATA]
    modules += [small_module()[:n] for n in (0, 3, 4, 50, 103, 104, 500)]
    commands = []
    for number, module in enumerate(modules):
        (tmp_path / f"{number}.tml").write_bytes(module)
        commands.append([*command[:1], str(tmp_path / f"{number}.tml"), *command[1:]])
    outcomes = hostile.run(commands)
    wrong = [o for o in outcomes if not hostile.is_clean(o)]
    assert not wrong, wrong[0]
    assert sum(o.code != 0 for o in outcomes) > len(outcomes) // 3


ARRAYS = {
    "empty": b"",
    "text": b"1,2,3\n",
    "cut": b"\x93NUMPY\x01\x00v\x00{'descr': '|i1', 'fortran_order': False, 'shape': (1, 5, 5, 2), }",
    "huge": b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }".ljust(117)
    + b"\n",
    "negative": b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '|i1', 'fortran_order': False, 'shape': (-5, 10), }".ljust(117)
    + b"\n",
    "objects": b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117)
    + b"\n\x80\x04N.",
    "code": b"\x93NUMPY\x01\x00v\x00" + b"__import__('os').abort()".ljust(117) + b"\n",
    "deep": b"\x93NUMPY\x02\x00\x00\x40\x00\x00" + (b"(" * 16383) + b"\n",
    "zip": b"PK\x03\x04" + bytes(30),
    "future": b"\x93NUMPY\x09\x00v\x00",
}


@pytest.mark.parametrize("command", ["run", "quantize"])
def test_arrays_that_are_none(tmp_path: Path, command: str) -> None:
    model, module = tmp_path / "m.tflite", tmp_path / "m.tml"
    model.write_bytes(small_tflite())
    module.write_bytes(small_module())
    commands = []
    for name, content in ARRAYS.items():
        path = tmp_path / f"{name}.npy"
        path.write_bytes(content)
        ways = {
            "run": ["run", module, "--on", "host", "--input", path],
            "quantize": ["quantize", model, "--calibrate", path, "-o", tmp_path / "o.tflite"],
        }
        commands.append([str(word) for word in ways[command]])
    wrong = [o for o in hostile.run(commands) if not hostile.is_clean(o) or o.code == 0]
    assert not wrong, wrong[0]


def test_an_array_of_another_kind(tmp_path: Path) -> None:
    module, path = tmp_path / "m.tml", tmp_path / "x.npy"
    module.write_bytes(small_module())
    for array in (
        np.zeros((2, 49), np.int8),
        np.full((1, 5, 5, 2), np.nan),
        np.array("x"),
        np.zeros((0, 5, 5, 2), np.int8),
    ):
        np.save(path, array)
        (outcome,) = hostile.run([["run", str(module), "--on", "host", "--input", str(path)]])
        assert hostile.is_clean(outcome), outcome
