"""The format has one source; what is generated from it is up to date."""

import pytest

from tinymlaas import planfmt
from tinymlaas.planfmt import text

ALL = [
    planfmt.HEADER,
    planfmt.TENSOR,
    planfmt.CHANNEL,
    planfmt.WIDE_CHANNEL,
    planfmt.SCALE,
    planfmt.SIGNATURE,
    *planfmt.RECORDS.values(),
]


def test_c_header_is_up_to_date():
    assert text.C_HEADER_PATH.read_text() == text.c_header(), "run: python -m tinymlaas.planfmt"


def test_docs_are_up_to_date():
    found = text.DOCS_PATH.read_text()
    assert found == text.docs_text(found), "run: python -m tinymlaas.planfmt"


@pytest.mark.parametrize("layout", ALL, ids=lambda x: x.name)
def test_fields_are_naturally_aligned(layout):
    for field, offset in zip(layout.fields, layout.offsets(), strict=True):
        assert offset % (field.nbytes // field.count) == 0, field.name


@pytest.mark.parametrize("layout", planfmt.RECORDS.values(), ids=lambda x: x.name)
def test_records_fit_and_start_alike(layout):
    assert layout.nbytes <= planfmt.RECORD_BYTES
    assert [f.name for f in layout.fields[:5]] == ["op", "variant", "flags", "input", "output"]


def test_operator_codes_are_distinct_and_dense():
    assert sorted(code for code, _ in planfmt.OPERATORS.values()) == list(range(1, len(planfmt.OPERATORS) + 1))


@pytest.mark.parametrize("layout", ALL, ids=lambda x: x.name)
def test_pack_and_unpack_are_inverse(layout):
    values = {f.name: (list(range(f.count)) if f.count > 1 else i % 100) for i, f in enumerate(layout.fields)}
    data = layout.pack(values)
    assert len(data) == layout.nbytes
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in layout.unpack(data).items()} == values


def test_unknown_field_is_refused():
    with pytest.raises(KeyError, match="no field"):
        planfmt.TENSOR.pack({"color": 1})
