"""Frames into models, in C: to the bit what numpy says for any size, crop, format and method; and close to Pillow."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tinymlaas.toolchain.hostlib import build_image

FORMATS = ("gray", "rgb565le", "rgb565be", "rgb888")
METHODS = ("nearest", "area", "bilinear")
PLAIN = np.arange(256, dtype=np.uint8) ^ 0x80


@cache
def library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(build_image()))
    loaded.tml_fit_is_valid.restype = ctypes.c_bool
    for name in ("frame", "out", "table"):
        getattr(loaded, f"tml_fit_{name}_bytes").restype = ctypes.c_size_t
    return loaded


@dataclass(frozen=True)
class Fit:
    """The numbers of tml_fit_t."""

    width: int
    height: int
    format: str
    crop: tuple[int, int, int, int]
    out: tuple[int, int, int]  # width, height, channels
    method: str

    @property
    def numbers(self) -> np.ndarray:
        head = (self.width, self.height, FORMATS.index(self.format))
        return np.array((*head, *self.crop, *self.out, METHODS.index(self.method)), np.uint16)

    def run(self, frame: bytes, table: np.ndarray = PLAIN) -> np.ndarray:
        """(height, width, channels) int8, written between guards."""
        guarded = np.full(self.out[0] * self.out[1] * self.out[2] + 32, 99, np.int8)
        table = np.tile(table, self.out[2])
        library().tml_fit(_pointer(self.numbers), _pointer(guarded[16:]), frame, _pointer(table))
        assert set(guarded[:16]) | set(guarded[-16:]) == {99}
        return guarded[16:-16].reshape(self.out[1], self.out[0], self.out[2])


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def frame_of(levels: np.ndarray, format: str) -> bytes:
    """Bytes of a frame that shows (height, width, 3) levels as well as the format can."""
    if format == "gray":
        return levels[..., 0].astype(np.uint8).tobytes()
    if format == "rgb888":
        return levels.astype(np.uint8).tobytes()
    r, g, b = (levels[..., i].astype(np.uint16) >> shift for i, shift in enumerate((3, 2, 3)))
    return (r << 11 | g << 5 | b).astype("<u2" if format == "rgb565le" else ">u2").tobytes()


def levels_of(frame: bytes, fit: Fit) -> np.ndarray:
    """(height, width, 1 or 3) levels of a frame."""
    if fit.format in ("gray", "rgb888"):
        return np.frombuffer(frame, np.uint8).reshape(fit.height, fit.width, -1).astype(np.int64)
    words = np.frombuffer(frame, "<u2" if fit.format == "rgb565le" else ">u2").reshape(fit.height, fit.width)
    r, g, b = (words >> 11).astype(np.int64), (words >> 5 & 63).astype(np.int64), (words & 31).astype(np.int64)
    return np.stack([r << 3 | r >> 2, g << 2 | g >> 4, b << 3 | b >> 2], -1)


def resized(levels: np.ndarray, fit: Fit) -> np.ndarray:
    """(out height, out width, levels), by the definition of each method."""
    left, top, width, height = fit.crop
    part = levels[top : top + height, left : left + width]
    x, y = (np.arange(n) for n in fit.out[:2])
    if fit.method == "nearest":
        return part[(2 * y + 1) * height // (2 * fit.out[1])][:, (2 * x + 1) * width // (2 * fit.out[0])]
    if fit.method == "area":
        return np.array([[_mean(part, i, j, fit) for i in x] for j in y])
    (x0, x1, xs), (y0, y1, ys) = (_between(i, n, m) for i, n, m in ((x, width, fit.out[0]), (y, height, fit.out[1])))
    xs, ys = xs[None, :, None], ys[:, None, None]
    upper, lower = (part[rows][:, x0] * (256 - xs) + part[rows][:, x1] * xs for rows in (y0, y1))
    return (upper * (256 - ys) + lower * ys + 0x8000) >> 16


def _mean(part: np.ndarray, i: int, j: int, fit: Fit) -> np.ndarray:
    (x0, x1), (y0, y1) = (
        (k * n // m, (k + 1) * n // m) for k, n, m in ((i, part.shape[1], fit.out[0]), (j, part.shape[0], fit.out[1]))
    )
    pixels = part[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)].reshape(-1, part.shape[2])
    return (pixels.sum(0) + len(pixels) // 2) // len(pixels)


def _between(i: np.ndarray, n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = np.maximum(((2 * i + 1) * n - m) * 128 // m, 0)
    first = np.minimum(place >> 8, n - 1)
    second = np.minimum(first + 1, n - 1)
    return first, second, np.where(first == second, 0, place & 255)


def wanted(frame: bytes, fit: Fit) -> np.ndarray:
    """Levels of the output (height, width, channels)."""
    levels = resized(levels_of(frame, fit), fit)
    if fit.out[2] == 1 and levels.shape[2] == 3:
        return (levels @ [19595, 38470, 7471] + 0x8000 >> 16)[..., None]
    return np.broadcast_to(levels, (*levels.shape[:2], fit.out[2]))


@st.composite
def fits(draw: st.DrawFn) -> Fit:
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    crop_width, crop_height = draw(st.integers(1, width)), draw(st.integers(1, height))
    corner = draw(st.integers(0, width - crop_width)), draw(st.integers(0, height - crop_height))
    out = draw(st.integers(1, 50)), draw(st.integers(1, 50)), draw(st.sampled_from([1, 3]))
    format, method = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(METHODS))
    return Fit(width, height, format, (*corner, crop_width, crop_height), out, method)


@given(fits(), st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_any_frame_to_the_bit(fit, seed):
    frame = np.random.default_rng(seed).integers(0, 256, library().tml_fit_frame_bytes(_pointer(fit.numbers)), np.uint8)
    np.testing.assert_array_equal(fit.run(frame.tobytes()), (wanted(frame.tobytes(), fit) - 128).astype(np.int8))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_large_frames(format, method):
    rng = np.random.default_rng(1)
    fit = Fit(640, 480, format, (80, 0, 480, 480), (96, 96, 3), method)
    frame = frame_of(rng.integers(0, 256, (480, 640, 3)), format)
    np.testing.assert_array_equal(fit.run(frame), (wanted(frame, fit) - 128).astype(np.int8))


def test_tables_choose_the_output():
    table = np.arange(256, dtype=np.uint8) // 3
    fit = Fit(16, 16, "gray", (0, 0, 16, 16), (16, 16, 3), "nearest")
    frame = np.arange(256, dtype=np.uint8)
    out = fit.run(frame.tobytes(), table)
    assert out.tolist() == np.repeat(table.reshape(16, 16, 1), 3, axis=2).astype(np.int8).tolist()


@pytest.mark.parametrize(
    ("method", "theirs"), [("area", Image.Resampling.BOX), ("bilinear", Image.Resampling.BILINEAR)]
)
def test_close_to_pillow(method, theirs):
    """Where both mean the same: areas of whole pixels, and interpolation when enlarging."""
    size = (48, 32) if method == "area" else (200, 170)
    y, x = np.mgrid[0:96, 0:144]
    picture = (128 + 100 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)
    fit = Fit(144, 96, "gray", (0, 0, 144, 96), (*size, 1), method)
    ours = fit.run(picture.tobytes())[..., 0].astype(int) + 128
    assert abs(ours - np.asarray(Image.fromarray(picture).resize(size, theirs), int)).max() <= 2


GOOD = Fit(8, 6, "gray", (1, 1, 4, 4), (2, 2, 1), "area").numbers


# Places in GOOD, and values that do not go there.
BAD = {
    0: (0, 4, 4097),
    1: (0, 4),
    2: (4,),
    3: (5, 65535),
    4: (3,),
    5: (0, 8),
    6: (0, 6),
    7: (0, 4097),
    8: (0,),
    9: (0, 2, 4),
    10: (3,),
}


@pytest.mark.parametrize(("place", "value"), [(place, value) for place, values in BAD.items() for value in values])
def test_what_is_no_fit(place, value):
    numbers = GOOD.copy()
    assert library().tml_fit_is_valid(_pointer(numbers))
    numbers[place] = value
    assert not library().tml_fit_is_valid(_pointer(numbers))


def test_under_sanitizers():
    """Random numbers, the valid ones run on buffers of exactly the size they need."""
    code = """
import ctypes, random, sys
lib, chosen, runs = ctypes.CDLL(sys.argv[1]), random.Random(5), 0
for _ in range(4000):
    size = chosen.choice([3, 9, 70])
    few = lambda: chosen.randrange(1, size)
    x, y = few() // 2, few() // 2
    kind = chosen.randrange(5), chosen.choice([1, 3]), chosen.randrange(4)
    sides = (ctypes.c_uint16 * 4)(few(), few(), few(), few())
    numbers = (ctypes.c_uint16 * 11)(few(), few(), kind[0], x, y, *sides, *kind[1:])
    if lib.tml_fit_is_valid(numbers) & 1:
        sizes = [getattr(lib, f"tml_fit_{name}_bytes")(numbers) for name in ("out", "frame", "table")]
        lib.tml_fit(numbers, *(ctypes.create_string_buffer(bytes(n), n) for n in sizes))
        runs += 1
print(runs > 100)
"""
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    environment = {**os.environ, "LD_PRELOAD": runtime.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0"}
    command = [sys.executable, "-c", code, str(build_image(sanitize=True))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr[-3000:]
