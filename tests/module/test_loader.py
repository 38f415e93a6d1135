"""What the loader refuses, and in which words."""

import struct

import numpy as np
import pytest

from tests.support.kernels import library
from tests.support.small_module import module_with, small_module, small_streaming, small_tflite
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import aligned_bytes
from tinymlaas.errors import ModuleError
from tinymlaas.evaluate import evaluate
from tinymlaas.planfmt import HEADER, OPERATORS, RECORD_BYTES, RUNTIME_VERSION, SIGNATURE, TENSOR, record_layout
from tinymlaas.sign import new_key, sign
from tinymlaas.tflite.importer import read
from tinymlaas.unpack import unpack


def patched(layout, name, value, at=0, module=None) -> bytes:
    """The small module (or another) with one field changed; at: byte offset of the struct."""
    index = [f.name for f in layout.fields].index(name)
    offset = at + layout.offsets()[index]
    code = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i"}[layout.fields[index].type]
    data = bytearray(module or small_module())
    struct.pack_into(f"<{code}", data, offset, value)
    return bytes(data)


def record_offset(op: str) -> int:
    """File offset of the first record of an operator, in a module that has it."""
    module = unpack(module_with(op))
    index = module.header["n_init"] + [name for name, _ in module.records].index(op)
    return int(module.header["records_offset"]) + index * RECORD_BYTES


def field(op: str, name: str) -> int:
    """A field of the first record of an operator."""
    return next(fields[name] for code, fields in unpack(module_with(op)).records if code == op)


HEADER_FAULTS = [
    ("magic", 0, "not a tinyml module"),
    ("format_version", 9, "module format 9, this runtime reads 1"),
    ("min_runtime", 7, f"needs tinyml runtime 7, this is {RUNTIME_VERSION}"),
    ("target", 2, "made for kernel target 2, this is 5"),
    ("file_bytes", 1 << 20, "file is cut short"),
    ("arena_bytes", 0x20000000, "reaches outside the arena: 536870912 > 268435456"),
    ("arena_bytes", 40, "reaches outside the arena"),
    ("arena_bytes", 16, "reaches outside the arena"),
    ("scratch_bytes", 1 << 20, "reaches outside the arena"),
    ("scratch_bytes", 0, "record 1 CONV_2D reaches outside the arena: 18 > 0"),
    ("n_inputs", 0, "tensor"),
    ("n_outputs", 0, "tensor"),
    ("n_selftests", 9, "self-test vectors are inconsistent"),
    ("n_records", 60000, "section reaches outside the file"),
    ("tensors_offset", 8, "section reaches outside the file"),
    ("tensors_offset", 106, "section reaches outside the file"),
    ("records_offset", 0xFFFFFFFC, "section reaches outside the file"),
    ("constants_offset", 1 << 27, "section reaches outside the file"),
    ("constants_bytes", 0xFFFFFFFF, "section reaches outside the file"),
    ("selftests_bytes", 4, "self-test vectors are inconsistent"),
    ("metadata_bytes", 1 << 30, "section reaches outside the file"),
    ("signature_offset", 0x7FFFFFFF, "section reaches outside the file"),
]
TENSOR_FAULTS = [
    ("offset", 8, "input or output tensor 0 is inconsistent"),
    ("offset", 0xFFFFFFF0, "reaches outside the arena"),
    ("bytes", 51, "input or output tensor 0 is inconsistent"),
    ("dtype", 7, "input or output tensor 0 is inconsistent"),
    ("dtype", 0, "input or output tensor 0 is inconsistent"),
    ("rank", 7, "input or output tensor 0 is inconsistent"),
    ("zero_point", 128, "input or output tensor 0 is inconsistent"),
]


@pytest.mark.parametrize(("name", "value", "message"), HEADER_FAULTS)
def test_header_faults(name, value, message):
    with pytest.raises(ModuleError, match=message):
        library().load(patched(HEADER, name, value))


@pytest.mark.parametrize(("name", "value", "message"), TENSOR_FAULTS)
def test_tensor_faults(name, value, message):
    with pytest.raises(ModuleError, match=message):
        library().load(patched(TENSOR, name, value, unpack(small_module()).header["tensors_offset"]))


@pytest.mark.parametrize("op", OPERATORS)
def test_record_faults_name_the_record(op):
    module = unpack(module_with(op))
    index = module.header["n_init"] + [name for name, _ in module.records].index(op)
    with pytest.raises(ModuleError, match=f"record {index} {op} reaches outside the arena"):
        library().load(patched(record_layout(op), "output", 0xFFFFFFF0, record_offset(op), module_with(op)))


def test_unknown_operator():
    with pytest.raises(ModuleError, match=r"record 0 operator .code 200. is not in this build"):
        library().load(patched(record_layout("COPY"), "op", 200, unpack(small_module()).header["records_offset"]))


@pytest.mark.parametrize("name", ["variant", "flags"])
def test_unknown_variant(name):
    with pytest.raises(ModuleError, match=r"kernel variant . is not in this build"):
        library().load(patched(record_layout("ADD"), name, 3, record_offset("ADD")))


def test_a_longer_buffer_is_fine():
    assert library().load(small_module() + b"\xff" * 100).selftest() == [0, 0]


@pytest.mark.parametrize("offset", [1, 4, 8, 15])
def test_misaligned_module_is_refused(offset):
    room = aligned_bytes(offset + len(small_module()))
    room[offset:] = np.frombuffer(small_module(), np.uint8)
    with pytest.raises(ModuleError, match=f"module address must be a multiple of 16, is off by {offset}"):
        library().load_in_place(room[offset:])


def test_whole_module_equals_evaluation():
    model = library().load(small_module())
    graph = read(small_tflite(), "small")
    rng = np.random.default_rng(5)
    for _ in range(20):
        image = rng.integers(-128, 128, (1, 5, 5, 2)).astype(np.int8)
        for got, expected in zip(model.run([image]), evaluate(graph, [image]), strict=True):
            assert np.array_equal(got, expected)


def test_selftest_counts_wrong_bytes():
    module = bytearray(small_module())
    header = unpack(small_module()).header
    module[header["selftests_offset"] + 4] ^= 1  # the first expected byte behind the seed
    assert library().load(bytes(module)).selftest() == [1, 0]


def test_module_for_this_target_loads():
    assert library().load(compile_model(small_tflite(), "small", "x64").module).selftest() == [0, 0]


def test_inputs_must_fit():
    model = library().load(small_module())
    with pytest.raises(ModuleError, match="49 input bytes, the model takes 50"):
        model.run_bytes(bytes(49))
    with pytest.raises(ModuleError, match="input is float64"):
        model.run([np.zeros((1, 5, 5, 2))])


# Modules with state


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("n_init", 5, "section reaches outside the file: 5 > 4"), ("state_blocks", 60000, "reaches outside the arena")],
)
def test_state_faults(name, value, message):
    with pytest.raises(ModuleError, match=message):
        library().load(patched(HEADER, name, value, module=small_streaming()))


def test_state_is_what_the_last_run_left():
    model = library().load(small_streaming())
    assert model.selftest() == [0]
    assert model.state.tobytes() == bytes(range(12)) + bytes(4)
    model.run([np.full((1, 2, 4), 7, np.int8)])
    assert model.state.tobytes()[:12] == bytes(range(8, 12)) + bytes([7] * 8)


# Signed modules: the loader checks where things lie, not who signed

SIGNED = sign(small_module(), new_key(), 1)
SIGNED_AT = len(SIGNED) - SIGNATURE.nbytes


def test_a_signed_module_loads_like_an_unsigned_one():
    assert library().load(SIGNED).selftest() == [0, 0]


@pytest.mark.parametrize("offset", [4, 104, SIGNED_AT - 4, SIGNED_AT + 4, len(SIGNED), 0xFFFFFFFC])
def test_a_signature_ends_the_file(offset):
    with pytest.raises(ModuleError, match=f"section reaches outside the file: {offset} > {SIGNED_AT}"):
        library().load(patched(HEADER, "signature_offset", offset, module=SIGNED))


@pytest.mark.parametrize("section", ["constants", "metadata"])
def test_no_section_reaches_into_the_signature(section):
    size = SIGNED_AT - unpack(SIGNED).header[f"{section}_offset"]
    library().load(patched(HEADER, f"{section}_bytes", size, module=SIGNED))
    with pytest.raises(ModuleError, match=f"section reaches outside the file: {SIGNED_AT + 1} > {SIGNED_AT}"):
        library().load(patched(HEADER, f"{section}_bytes", size + 1, module=SIGNED))
