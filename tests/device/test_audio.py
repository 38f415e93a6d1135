"""tinyml.audio on boards: the features of `pymicro-features`, quantised as the models want them, without allocation."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from tests.support import speech
from tests.support.devices import Bench, bench
from tinymlaas.device.install import PACKAGE_DIR
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.natmod import build_part

RECORDED = {name: sound for name, sound in speech.recorded().items() if name.endswith("_1000ms")}
# A second each, so that an emulated board is done soon.
SOUNDS = {
    name.replace(" ", "_"): speech.synthetic()[name][64_000:96_000] for name in ("swell", "chirp", "bursts")
} | RECORDED
FILES = {f"{name}.pcm": sound for name, sound in SOUNDS.items()}
EXPECTED = {name: speech.expected(sound) for name, sound in SOUNDS.items()}
# (board, architecture of the natmod on stock firmware; none: part of our firmware)
CASES = [("unix", ""), ("qemu-m3", ""), ("qemu-m4", ""), ("qemu-rv32", ""), ("pico", "")]
CASES += [
    ("unix", "x64"),
    ("qemu-m3", "armv7m"),
    ("qemu-m4", "armv7emsp"),
    ("qemu-rv32", "rv32imc"),
    ("pico", "armv6m"),
]

FEED = """
f = Features(hop_ms={hop})
sound = open(d + {name!r}, 'rb').read()
out = b''
for i in range(0, len(sound), {block}):
    for frame in f.feed(memoryview(sound)[i : i + {block}]):
        out += bytes(frame)
print(out)
"""


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(filter(None, case)))
def board(request):
    board_id, arch = request.param
    files = dict(FILES)
    if arch:
        files |= {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
        files |= {"lib/_tinyml_audio.mpy": build_part(arch, "_tinyml_audio").path.read_bytes()}
        # All that the package itself needs; no model is run here.
        files |= {"lib/_tinyml.py": b""}
    with bench(board_id, files, stock=bool(arch)) as running:
        if arch:
            running.run(f"import sys\nsys.path.insert(0, '{running.folder}lib')")
        running.run(f"import gc, micropython\nfrom tinyml.audio import Features\nd = {running.folder!r}")
        yield running


def features(board: Bench, name: str, hop: int = 10, block: int = 3000) -> np.ndarray:
    said = board.answer(FEED.format(name=f"{name}.pcm", hop=hop, block=block))
    return np.frombuffer(said, np.uint16).reshape(-1, 40)


@pytest.mark.parametrize("name", SOUNDS)
def test_features_to_the_bit(board, name):
    np.testing.assert_array_equal(features(board, name), EXPECTED[name])


def test_blocks_of_any_size_and_address(board):
    np.testing.assert_array_equal(features(board, "bursts", block=998), EXPECTED["bursts"])
    board.run("x = bytearray(b'?' + open(d + 'bursts.pcm', 'rb').read())\nf = Features()")
    said = board.value("b''.join(bytes(frame) for frame in f.feed(memoryview(x)[1:]))")
    assert said == EXPECTED["bursts"].astype(np.uint16).tobytes()


def test_every_second_frame_of_silence_is_one_at_20_ms(board):
    assert features(board, "bursts", hop=20).shape == (49, 40)
    np.testing.assert_array_equal(features(board, "bursts", hop=20)[0], EXPECTED["bursts"][0])


def test_reset_forgets(board):
    board.run(
        "x = open(d + 'swell.pcm', 'rb').read(4000)\nf = Features()\na = [bytes(y) for y in f.feed(x)]\nf.reset()"
    )
    assert board.value("a == [bytes(y) for y in f.feed(x)] != []") is True


def test_nothing_is_allocated_for_a_frame(board):
    board.run("""
x, out, f = open(d + 'swell.pcm', 'rb').read(6400), bytearray(40), Features()
scale = 0.10171568
f.into(out, scale)
at = n = 0
micropython.heap_lock()
try:
    while at >= 0:
        at = f.step(x, at)
        f.into(out, scale)
        n += 1
finally:
    micropython.heap_unlock()
""")
    assert board.value("n") == 19


@pytest.mark.parametrize("scale", [None, 0.10171568393707275, 0.1015625, 26 / 255, 0.25, 0.0390625])
def test_quantising(board, scale):
    """As micro_speech's application does it, or numpy for the real scale."""
    frames = np.minimum(np.arange(1440), 1420).reshape(-1, 40)
    board.run(
        f"f, out = Features(), bytearray(40)\ndef q(v):\n  f.frame[:] = v\n  f.into(out, {scale!r}, -128)\n  return bytes(out)"
    )
    board.run("from array import array")
    said = board.value(f"b''.join(q({array('H', frames.ravel())!r}[i:i+40]) for i in range(0, 1440, 40))")
    exact = (
        (frames * 256 + 333) // 666
        if scale is None
        else np.floor(frames * speech.PER_FEATURE / np.float32(scale) + 0.5)
    )
    np.testing.assert_array_equal(np.frombuffer(said, np.int8), np.minimum(exact - 128, 127).ravel())


def test_what_it_cannot_take(board):
    assert board.error("Features(8000)").startswith("ValueError: sample rate is 8000 Hz, the front-end takes 16000")
    assert board.error("Features(hop_ms=40)").startswith("ValueError: hop is 40 ms, 1 to 30 are possible")
    board.run("f = Features()")
    assert board.error("f.into(bytearray(41))") == "ValueError: state or frame has another size, or lies misaligned"
    assert board.error("f.into(bytearray(40), 1e9)").startswith("ValueError: scale is 1")
    assert board.error("f.into(bytearray(40), None, 128)") == "ValueError: number out of range"
    assert board.error("f.step(bytes(10), 6)") == "ValueError: number out of range"
    assert board.error("f.step(5)").startswith("TypeError")


def test_a_state_that_python_wrote_into(board):
    board.run("f = Features()\nf._state[2] = 255\nf._state[3] = 255")
    assert board.error("f.step(bytes(1000))") == "ValueError: state was not reset"
    assert board.error("f._native.reset(bytes(2148), 160)").startswith("TypeError")
    assert board.error("f._native.reset(bytearray(2147), 160)").startswith("ValueError")
    assert board.error("f._native.reset(f._state, 0)") == "ValueError: number out of range"


def test_without_the_native_module_the_error_says_what_to_do():
    package = {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
    with bench("unix", {**package, "lib/_tinyml.py": b""}, stock=True) as unix:
        unix.run("import sys\nsys.path.insert(0, 'lib')\nfrom tinyml.audio import Features")
        assert unix.error("Features()").startswith("ImportError: no module named '_tinyml_audio': the front-end is not")


def test_architectures_of_all_boards_are_tried():
    assert {arch for _, arch in CASES} >= {board_by_name(board).mpy_arch for board, _ in CASES}
