"""Checks of kernels that compute with int16 refuse what they are there for."""

import pytest

from tests.module.test_checks import ARENA, CONSTANTS, OVERLAP, POOL_FAULTS, QUANTISATION, SHAPE
from tests.support.kernels import library
from tests.support.small_int16 import small_int16
from tinymlaas.errors import ModuleError
from tinymlaas.planfmt import BINARY_FUNCTIONS, RECORD_BYTES, REDUCE_FUNCTIONS, record_layout
from tinymlaas.unpack import unpack

_OPERANDS = [
    *((name, 1 << 20, ARENA) for name in ("input", "output")),
    *((name, 1, ARENA) for name in ("input", "output")),
]
FAULTS = {
    "BINARY_INT16": [
        *_OPERANDS,
        ("input2", 1, ARENA),
        ("constants", 1, CONSTANTS),
        ("function", BINARY_FUNCTIONS["PRELU"] + 1, SHAPE),
        ("shape", [1, 1, 1, 1 << 20], ARENA),
    ],
    "REDUCE_INT16": [
        *_OPERANDS,
        *(("function", REDUCE_FUNCTIONS[name], SHAPE) for name in ("MAX", "MIN", "ARG_MAX", "ARG_MIN")),
        ("multiplier", -1, QUANTISATION),
    ],
    "POOL_INT16": [
        *POOL_FAULTS,
        *_OPERANDS,
        ("filter_h", 1 << 15, SHAPE),
        ("act_min", 1, QUANTISATION),
    ],
    "SIGMOID_INT16": [
        *_OPERANDS,
        ("count", 1 << 20, ARENA),
        ("table", 0, CONSTANTS),
        ("table", 0xFFFFFFF0, CONSTANTS),
        ("multiplier", 32768, QUANTISATION),
        ("shift", 32, QUANTISATION),
    ],
    "SOFTMAX_INT16": [
        *_OPERANDS,
        ("rows", 0, SHAPE),
        ("rows", 1 << 28, ARENA),
        ("depth", 0, SHAPE),
        ("depth", 65536, SHAPE),
        ("tables", 0, CONSTANTS),
        ("tables", 0xFFFFFFF0, CONSTANTS),
        ("multiplier", 5, QUANTISATION),
        *(("shift", value, QUANTISATION) for value in (31, -32)),
    ],
}


def changed(op: str, **values: object) -> bytes:
    """The small module of int16 with fields of the first record of an operator changed; what is odd is added to an offset."""
    records = unpack(small_int16()).records
    index, found = next((i, fields) for i, (name, fields) in enumerate(records) if name == op)
    offsets = {k: found[k] + v for k, v in values.items() if k in ("input", "input2", "output") and v == 1}
    at = unpack(small_int16()).header["records_offset"] + index * RECORD_BYTES
    packed = record_layout(op).pack(found | values | offsets)
    return small_int16()[:at] + packed + small_int16()[at + len(packed) :]


def refusal(module: bytes) -> str:
    """The loader's words."""
    with pytest.raises(ModuleError) as caught:
        library().load(module)
    return str(caught.value)


@pytest.mark.parametrize(("op", "name", "value", "message"), [(op, *fault) for op in FAULTS for fault in FAULTS[op]])
def test_record_fault(op, name, value, message):
    text = refusal(changed(op, **{name: value}))
    assert op in text
    assert message in text


@pytest.mark.parametrize("op", ["BINARY_INT16", "POOL_INT16"])
def test_limits_in_order(op):
    assert QUANTISATION in refusal(changed(op, wide_min=1, wide_max=0))


@pytest.mark.parametrize("op", ["BINARY_INT16", "SIGMOID_INT16", "SOFTMAX_INT16"])
def test_partly_in_place(op):
    source = next(fields["input"] for name, fields in unpack(small_int16()).records if name == op)
    assert OVERLAP in refusal(changed(op, output=source + 2))
    library().load(changed(op, output=source))


@pytest.mark.parametrize("op", ["POOL_INT16", "REDUCE_INT16"])
def test_output_over_input(op):
    source = next(fields["input"] for name, fields in unpack(small_int16()).records if name == op)
    assert OVERLAP in refusal(changed(op, output=source))


@pytest.mark.parametrize("op", FAULTS)
def test_kernels_of_their_own_have_no_flag(op):
    assert "kernel variant" in refusal(changed(op, flags=1))
