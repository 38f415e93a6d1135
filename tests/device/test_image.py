"""tinyml.image on boards: frames of every format, straight into a model's input."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.test_image import FORMATS, METHODS, Fit, frame_of, wanted
from tests.support.devices import Bench, bench
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.device.install import PACKAGE_DIR
from tinymlaas.toolchain.natmod import build_natmod, build_part

# (board, architecture of the natmods on stock firmware; none: part of our firmware)
CASES = [("unix", ""), ("qemu-m3", ""), ("qemu-m4", ""), ("qemu-rv32", ""), ("pico", "")]
CASES += [
    ("unix", "x64"),
    ("qemu-m3", "armv7m"),
    ("qemu-m4", "armv7emsp"),
    ("qemu-rv32", "rv32imc"),
    ("pico", "armv6m"),
]
WIDTH, HEIGHT = 40, 30
LEVELS = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3))
FRAMES = {format: frame_of(LEVELS, format) for format in FORMATS}


def model(channels: int, scale: float = 1 / 255, zero_point: int = -128) -> bytes:
    """One that looks at 9 x 12 pixels; what it says of them is of no matter."""
    quantised = (scale, zero_point)
    tensors = [TensorSpec((1, 9, 12, channels), *quantised), TensorSpec((1, 3, 4, channels), *quantised)]
    options = {"padding": 1, "strideH": 3, "strideW": 3, "filterHeight": 3, "filterWidth": 3}
    return compile_model(single_op("MAX_POOL_2D", tensors, **options), "eye").module


FILES = {"grey.tml": model(1), "rgb.tml": model(3), "signed.tml": model(1, 1 / 64, 5)}
FILES |= {f"{format}.bin": frame for format, frame in FRAMES.items()}


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(filter(None, case)))
def board(request):
    board_id, arch = request.param
    files = dict(FILES)
    if arch:
        files |= {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
        files |= {"lib/_tinyml.mpy": build_natmod(arch).path.read_bytes()}
        files |= {"lib/_tinyml_image.mpy": build_part(arch, "_tinyml_image").path.read_bytes()}
    with bench(board_id, files, stock=bool(arch)) as running:
        if arch:
            running.run(f"import sys\nsys.path.insert(0, '{running.folder}lib')")
        running.run(f"import micropython, tinyml\nfrom tinyml.image import Fit\nd = {running.folder!r}")
        for name in ("grey", "rgb", "signed"):
            running.run(f"{name} = tinyml.Model(d + '{name}.tml')")
        for format in FORMATS:
            running.run(f"{format} = open(d + '{format}.bin', 'rb').read()")
        yield running


def put(board: Bench, name: str, format: str, **options) -> np.ndarray:
    """The model's input after a frame was put there: (9, 12, channels)."""
    arguments = "".join(f", {key}={value!r}" for key, value in options.items())
    board.run(f"Fit({name}, {WIDTH}, {HEIGHT}, {format!r}{arguments}).put({format})")
    return np.frombuffer(board.value(f"bytes({name}.inputs[0])"), np.int8).reshape(9, 12, -1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("name", "channels"), [("grey", 1), ("rgb", 3)])
def test_frames_to_the_bit(board, name, channels, format, method):
    crop = (3, 2, 31, 27)
    fit = Fit(WIDTH, HEIGHT, format, crop, (12, 9, channels), method)
    expected = (wanted(FRAMES[format], fit) - 128).astype(np.int8)
    np.testing.assert_array_equal(put(board, name, format, crop=crop, method=method), expected)


@pytest.mark.parametrize(
    ("size", "crop"), [((40, 30), (0, 0, 40, 30)), ((40, 10), (13, 0, 13, 10)), ((9, 30), (0, 12, 9, 6))]
)
def test_the_middle_is_taken(board, size, crop):
    assert board.value(f"Fit(grey, {size[0]}, {size[1]}, 'gray').crop") == crop


def test_levels_of_the_training(board):
    fit = Fit(WIDTH, HEIGHT, "gray", (0, 0, WIDTH, HEIGHT), (12, 9, 1), "area")
    real = -1 + 2 * wanted(FRAMES["gray"], fit) / 255
    expected = np.clip(np.floor(abs(real) * 64 + 0.5) * np.sign(real) + 5, -128, 127)
    np.testing.assert_array_equal(put(board, "signed", "gray", levels=(-1, 1)), expected)


def test_put_allocates_nothing(board):
    board.run(f"f = Fit(rgb, {WIDTH}, {HEIGHT}, 'rgb565be')")
    board.run("micropython.heap_lock()\ntry:\n    f.put(rgb565be)\nfinally:\n    micropython.heap_unlock()")


def test_frames_at_any_address(board):
    board.run("x = bytearray(b'?' + rgb565le)")
    board.run(f"Fit(grey, {WIDTH}, {HEIGHT}, 'rgb565le').put(memoryview(x)[1:])")
    said = board.value("bytes(grey.inputs[0])")
    assert said == put(board, "grey", "rgb565le").tobytes()


def test_what_it_cannot_take(board):
    assert board.error("Fit(grey, 40, 30, 'bgr')").startswith(
        "ValueError: 'bgr' is not known; choose one of: gray, rgb565le"
    )
    assert board.error("Fit(grey, 40, 30, 'gray', method='cubic')").startswith("ValueError: 'cubic' is not known")
    assert "too small for its size in pixels" in board.error("Fit(grey, 40, 30, 'rgb888').put(gray)")
    assert "the crop lies in the frame" in board.error("Fit(grey, 40, 30, 'gray', crop=(20, 0, 21, 30)).put(gray)")
    assert board.error("Fit(grey, 40, 30, 'gray').put(5)").startswith("TypeError")
    board.run("class Flat:\n  input_shape, input_dtype = ((1, 8),), ('int8',)")
    assert board.error("Fit(Flat, 40, 30, 'gray')").startswith(
        "ValueError: input 0 is no image of 1 or 3 channels in int8"
    )


def test_without_the_native_module_the_error_says_what_to_do():
    package = {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
    native = {"lib/_tinyml.mpy": build_natmod("x64").path.read_bytes(), "grey.tml": model(1)}
    with bench("unix", {**package, **native}, stock=True) as unix:
        unix.run(
            f"import sys\nsys.path.insert(0, {unix.folder!r} + 'lib')\nimport tinyml\nfrom tinyml.image import Fit"
        )
        said = unix.error(f"Fit(tinyml.Model({unix.folder!r} + 'grey.tml'), 40, 30, 'gray')")
    assert said.startswith(
        "ImportError: no module named '_tinyml_image': what reads frames is not installed; install it"
    )
