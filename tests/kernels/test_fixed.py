"""tml_fixed.h against Python's big integers."""

import ctypes
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymlaas.toolchain import coverage, paths

SOURCE = r"""
#include "tml_fixed.h"
int32_t wide(int32_t a, int32_t b) { return tml_high_mul_wide(a, b); }
int32_t halves(int32_t a, int32_t b) { return tml_high_mul_halves(a, b); }
int32_t mixed(int32_t a, int32_t b) { return tml_high_mul_mixed(a, b); }
int32_t divide(int32_t x, int32_t bits) { return tml_divide_by_power(x, bits); }
int32_t multiply(int32_t x, int32_t m, int32_t s) { return tml_multiply(x, m, s); }
int32_t sweep(int32_t a, int32_t step) {
    uint32_t b = 0x80000000u, n = 0xffffffffu / (uint32_t)step;
    for (; n > 0; n--, b += (uint32_t)step) {
        if (tml_high_mul_wide(a, (int32_t)b) != tml_high_mul_halves(a, (int32_t)b)) { return 1; }
    }
    return 0;
}
"""
# Values where a carry or a sign turns over, in each 16-bit half.
HALVES = [0, 1, 2, 0x3FFF, 0x4000, 0x4001, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xBFFF, 0xC000, 0xFFFE, 0xFFFF]
CORNERS = [((h << 16 | low) ^ 0x80000000) - 0x80000000 for h in HALVES for low in HALVES]
int32 = st.integers(-(2**31), 2**31 - 1) | st.sampled_from(CORNERS)
multiplier = st.integers(2**30, 2**31 - 1) | st.sampled_from([0, 2**30, 2**30 + 1, 2**31 - 1, 0x7FFF8000, 0x7FFF7FFF])


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """The header compiled with the sanitisers' traps: undefined behaviour ends the test run."""
    folder = coverage.folder(tmp_path_factory.mktemp("fixed"))
    (folder / "fixed.c").write_text(SOURCE)
    flags = [
        "-O2",
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=undefined",
        "-fsanitize-undefined-trap-on-error",
        *coverage.flags(),
    ]
    command = [
        "cc",
        *flags,
        "-shared",
        "-fPIC",
        f"-I{paths.native_dir()}",
        "-o",
        folder / "fixed.so",
        folder / "fixed.c",
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "fixed.so"))


def high_mul(a: int, b: int) -> int:
    """gemmlowp's definition: nudge away from zero, divide towards zero."""
    nudged = a * b + (2**30 if a * b >= 0 else 1 - 2**30)
    return nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)


def divide(x: int, bits: int) -> int:
    """gemmlowp's definition of a rounding division by a power of two."""
    mask = (1 << bits) - 1
    return (x >> bits) + ((x & mask) > (mask >> 1) + (x < 0))


def wrap(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def test_high_mul_corners(fixed):
    for a in CORNERS:
        for b in CORNERS:
            if (a, b) != (-(2**31), -(2**31)):
                assert (fixed.wide(a, b), fixed.halves(a, b)) == (high_mul(a, b),) * 2, (a, b)


@settings(max_examples=200)
@given(a=int32)
def test_high_mul_forms_agree(fixed, a):
    assert fixed.sweep(a if a != -(2**31) else a + 1, 65521 * 3) == 0


@settings(max_examples=500)
@given(a=int32, b=int32.filter(lambda b: b != -(2**31)))
def test_high_mul(fixed, a, b):
    assert fixed.wide(a, b) == fixed.halves(a, b) == high_mul(a, b)


@settings(max_examples=500)
@given(a=int32, b=multiplier)
def test_high_mul_by_a_multiplier(fixed, a, b):
    assert fixed.mixed(a, b) == high_mul(a, b)


@settings(max_examples=500)
@given(x=st.integers(-(2**31) + 1, 2**31 - 2) | st.integers(-300, 300), bits=st.integers(0, 31))
def test_divide_by_power(fixed, x, bits):
    assert fixed.divide(x, bits) == divide(x, bits)


@settings(max_examples=500)
@given(x=int32, m=multiplier, shift=st.integers(-31, 30))
def test_multiply(fixed, x, m, shift):
    expected = divide(high_mul(wrap(x << max(shift, 0)), m), max(-shift, 0))
    assert fixed.multiply(x, m, shift) == expected
