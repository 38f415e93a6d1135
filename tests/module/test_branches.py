"""The branches of loader, checks and scratch sizes that take a damage of several numbers at once, or a build of another kind.

`make coverage` counts that these and the tests beside them leave none out.
"""

import ctypes

import numpy as np
import pytest

from tests.module.test_loader import field, patched, record_offset
from tests.support.kernels import library
from tests.support.small_module import module_with, small_module, small_tflite
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import NativeLibrary, aligned_bytes
from tinymlaas.errors import ModuleError
from tinymlaas.planfmt import (
    BINARY_FUNCTIONS,
    HEADER,
    MAX_MODULE_BYTES,
    OPERATORS,
    RECORD_BYTES,
    REDUCE_FUNCTIONS,
    TENSOR,
    record_layout,
)
from tinymlaas.toolchain.hostlib import build_hostlib
from tinymlaas.unpack import unpack


def refusal(module: bytes, loader: NativeLibrary | None = None) -> str:
    """The loader's words."""
    with pytest.raises(ModuleError) as caught:
        (loader or library()).load(module)
    return str(caught.value)


def header(**values: int) -> bytes:
    """The small module with fields of its header changed."""
    module = small_module()
    for name, value in values.items():
        module = patched(HEADER, name, value, module=module)
    return module


def record(op: str, **values: object) -> bytes:
    """The small module that has an operator, with the first record of it changed."""
    module = module_with(op)
    found = next(fields for code, fields in unpack(module).records if code == op)
    at, packed = record_offset(op), record_layout(op).pack(found | values)
    return module[:at] + packed + module[at + len(packed) :]


def tensor(**values: object) -> bytes:
    """The small module with its first tensor changed."""
    at = unpack(small_module()).header["tensors_offset"]
    packed = TENSOR.pack(TENSOR.unpack(small_module(), at) | values)
    return small_module()[:at] + packed + small_module()[at + len(packed) :]


def test_sizes_of_the_file():
    assert refusal(small_module()[: HEADER.nbytes - 1]) == "file is cut short: 103 of 104 bytes"
    assert "file is cut short" in refusal(header(file_bytes=HEADER.nbytes - 1))
    assert "section reaches outside the file: 4 > 120" in refusal(header(file_bytes=120, signature_offset=4))


def test_a_file_beyond_the_limit():
    """A quarter of a gigabyte of zeros that nobody touches."""
    room = np.zeros(MAX_MODULE_BYTES + 32, np.uint8)
    data = room[-room.ctypes.data % 16 :]
    data[: HEADER.nbytes] = np.frombuffer(header(file_bytes=MAX_MODULE_BYTES + 1)[: HEADER.nbytes], np.uint8)
    with pytest.raises(ModuleError, match=f"section reaches outside the file: {MAX_MODULE_BYTES + 1} >"):
        library().load_in_place(data)


def test_sizes_of_a_tensor():
    shape = [1, 1 << 20, 1, 1]
    assert "tensor 0 is inconsistent" in refusal(tensor(shape=[1 << 29, 1, 1, 1]))
    assert "tensor 0 is inconsistent" in refusal(tensor(zero_point=-129))
    assert "reaches outside the arena" in refusal(tensor(shape=shape, bytes=1 << 20))


@pytest.mark.parametrize(
    ("op", "values", "words"),
    [
        ("ADD", {"input2": field("ADD", "output") + 1}, "operands overlap"),
        ("BINARY", {"shape": [1 << 15, 1 << 15, 1, 1]}, "shapes do not fit together"),
        ("BINARY", {"act_min": 1, "act_max": 0}, "out of range"),
        ("BINARY", {"function": BINARY_FUNCTIONS["PRELU"], "shift1": 31}, "out of range"),
        ("BINARY", {"function": BINARY_FUNCTIONS["DIV"], "out_shift": 23}, "out of range"),
        ("REDUCE", {"function": REDUCE_FUNCTIONS["ARG_MAX"], "output": 1 << 20}, "reaches outside the arena"),
        ("DEPTHWISE_CONV_2D", {"scratch": field("DEPTHWISE_CONV_2D", "scratch") + 2}, "shapes do not fit together: 2"),
        ("MOVE", {"constant": 1, "input": len(small_module()) - 1}, "reaches outside the constants"),
        ("MOVE", {"count": [1 << 15, 1 << 15, 1, 1]}, "shapes do not fit together"),
        ("MOVE", {"count": [1, 1, 1, 4], "out_stride": [0] * 4}, "shapes do not fit together: 4, expected 1"),
        ("PAD", {"in_shape": [0, 1, 1, 1], "before": [1] * 4}, "shapes do not fit together: 0"),
        ("QUANTIZE", {"in_dtype": 1, "out_dtype": 1, "output": field("QUANTIZE", "input") + 1}, "operands overlap"),
        ("QUANTIZE", {"in_dtype": 1, "out_dtype": 3, "output": field("QUANTIZE", "input")}, "operands overlap"),
        ("REDUCE", {"count": [1 << 28] * 4, "stride": [0] * 4}, "shapes do not fit together"),
    ],
)
def test_record_faults(op, values, words):
    text = refusal(record(op, **values))
    assert op in text
    assert words in text


def test_only_prelu_shifts_to_the_left():
    prelu = BINARY_FUNCTIONS["PRELU"]
    assert "out of range" in refusal(record("BINARY", shift1=30))
    library().load(record("BINARY", function=prelu, shift1=30))


def test_work_adds_up():
    """Each of the first two records has all the work that a module may ask for."""
    sizes = dict.fromkeys(("in_h", "in_w", "out_h", "out_w", "filter_h", "filter_w"), 256)
    sizes |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1) | {"in_c": 4, "out_c": 4}
    fields = {"op": 5, "output": 1 << 20, "act_max": 1, "pad_top": 128, "pad_left": 128, **sizes}
    pool = record_layout("MAX_POOL_2D").pack(fields).ljust(RECORD_BYTES, b"\0")
    module, at = header(arena_bytes=1 << 21), unpack(small_module()).header["records_offset"]
    text = refusal(module[:at] + pool * 2 + module[at + 2 * RECORD_BYTES :])
    assert text == "record 1 MAX_POOL_2D needs too many operations: over 17179 million"


@pytest.mark.parametrize(
    ("pixels", "out_c", "in_c", "filter_size", "needed"),
    [
        (2, 4, 8, 1, 32),  # a tile of four patches
        (2, 4, 8, 3, 288),
        (1, 4, 8, 3, 72),  # too few pixels
        (2, 3, 8, 3, 72),  # too few channels
        (2, 4, 300, 3, 2700),  # too large a patch for a tile
        (1, 4, 8, 1, 0),  # the input is the patch
    ],
)
def test_scratch_of_a_convolution(pixels, out_c, in_c, filter_size, needed):
    size = pixels + filter_size - 1
    constants = aligned_bytes(1 << 16)
    fields = {"op": 1, "act_min": -128, "act_max": 127, "in_c": in_c, "out_c": out_c, "output": 8192, "scratch": 16384}
    fields |= dict.fromkeys(("in_h", "in_w"), size) | dict.fromkeys(("out_h", "out_w"), pixels)
    fields |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    fields |= dict.fromkeys(("filter_h", "filter_w"), filter_size)

    def check(scratch_bytes: int) -> str:
        packed = record_layout("CONV_2D").pack(fields | {"scratch_bytes": scratch_bytes})
        return library().check("CONV_2D", packed.ljust(RECORD_BYTES, b"\0"), constants, 1 << 16)

    assert check(needed) == ""
    if needed:
        assert f"{needed - 1}, expected {needed}" in check(needed - 1)


def test_kernels_of_an_instruction_set():
    """On a build that has variants: those that a module names are found and checked, others are refused."""
    loader, module = NativeLibrary(build_hostlib("m4")), compile_model(small_tflite(), "small", "m4").module
    assert loader.load(module).selftest() == [0, 0]
    records = unpack(module).records
    at, (op, _) = next((i, r) for i, r in enumerate(records) if r[1]["variant"])
    start = unpack(module).header["records_offset"] + at * RECORD_BYTES
    broken = patched(record_layout(op), "variant", 200, start, module)
    assert refusal(broken, loader) == f"record {at} {op} kernel variant 200 is not in this build"
    broken = patched(record_layout(op), "output", 0xFFFFFFF0, start, module)
    assert f"record {at} {op} reaches outside the arena" in refusal(broken, loader)


def test_a_build_without_an_operator():
    """As with -DTML_NO_SOFTMAX, whose entries are empty."""
    loader = NativeLibrary(build_hostlib())
    loader._target = type(loader._target).from_buffer_copy(loader._target)
    loader._target.kernel[7] = None
    assert "SOFTMAX (code 7) is not in this build" in refusal(small_module(), loader)


def test_a_message_is_cut_to_its_room():
    text = ctypes.create_string_buffer(b"*" * 12)
    fault = ctypes.create_string_buffer(b"\xff" * 4 + bytes(12))
    assert library()._lib.tml_message(text, ctypes.c_size_t(8), ctypes.c_int(2), fault) == 7
    assert text.raw == b"not a t\0****\0"


def test_products_of_matrices_that_wrap_to_few():
    """7621 * 5821 * 3338 * 5971 * 20863 is 2^64 + 418: an output of 418 bytes, by numbers of 64 bits."""
    fields = {
        "op": OPERATORS["BATCH_MATMUL"][0],
        "batch": [7621, 5821, 3338],
        "rows": 5971,
        "columns": 20863,
        "depth": 1,
    }
    fields |= {"broadcast1": 7, "broadcast2": 7, "input": 1024, "input2": 8192}
    packed = record_layout("BATCH_MATMUL").pack(fields).ljust(RECORD_BYTES, b"\0")
    assert "shapes do not fit together" in library().check("BATCH_MATMUL", packed, aligned_bytes(16), 1 << 16)


def test_one_matrix_may_serve_all():
    fields = {"op": OPERATORS["BATCH_MATMUL"][0], "batch": [2, 3, 4], "rows": 2, "columns": 2, "depth": 2}
    fields |= {"broadcast1": 7, "broadcast2": 5, "input": 1024, "input2": 2048}
    packed = record_layout("BATCH_MATMUL").pack(fields).ljust(RECORD_BYTES, b"\0")
    assert library().check("BATCH_MATMUL", packed, aligned_bytes(16), 2048 + 12) == ""
    assert "outside the arena" in library().check("BATCH_MATMUL", packed, aligned_bytes(16), 2048 + 11)
