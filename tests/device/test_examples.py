"""The wake_word and person examples, as a user runs them: on unix and on the emulated Pico."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.kernels.test_image import frame_of
from tests.support import golden, oracle, speech
from tests.support.devices import Bench, bench
from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import compile_model

EXAMPLES = Path(__file__).resolve().parents[2] / "device" / "examples"
BOARDS = pytest.mark.parametrize("board_id", ["unix", "pico"])
PEOPLE = golden.FOLDER / "samples" / "person"


def app(name: str) -> bytes:
    return (EXAMPLES / name / "app.py").read_bytes()


def labels(name: str) -> list[str]:
    return (EXAMPLES / name / "labels.txt").read_text().split("\n")[:-1]


def module(tflite: bytes, names: list[str]) -> bytes:
    return compile_model(tflite, "model", metadata={"labels": names}).module


def linear(shape: tuple[int, ...], scale: float, weights: np.ndarray, bias: list[int]) -> bytes:
    """A model of two classes: weights (2, inputs) on the input, in 1/100; then softmax."""
    tensors = [
        TensorSpec(shape, scale, -128),
        TensorSpec((1, weights.shape[1]), scale, -128),
        TensorSpec((2,), dtype="int32", data=np.array([1, weights.shape[1]], np.int32)),
        TensorSpec(weights.shape, 0.01, 0, data=weights.astype(np.int8)),
        TensorSpec((2,), 0.01 * scale, 0, "int32", np.array(bias, np.int32)),
        TensorSpec((1, 2), 0.5, 0),
        TensorSpec((1, 2), 1 / 256, -128),
    ]
    ops = [
        OpSpec("RESHAPE", (0, 2), (1,), {"newShape": [1, weights.shape[1]]}),
        OpSpec("FULLY_CONNECTED", (1, 3, 4), (5,)),
        OpSpec("SOFTMAX", (5,), (6,), {"beta": 1.0}),
    ]
    return write_tflite(tensors, ops, [0], [6])


def run_app(board: Bench, call: str) -> list[str]:
    """The lines that a call of the app's main() prints."""
    board.run(f"import sys\nsys.path.insert(0, {board.folder!r})\nimport app")
    return (
        board.run(call.format(d=board.folder), timeout=600)
        .decode()
        .split("\r\n" if board.board.id == "pico" else "\n")[:-1]
    )


# wake_word


def heard(lines: list[str]) -> list[str]:
    return [re.fullmatch(r"heard (\w+) \(\d+ %\)", line)[1] for line in lines]


@BOARDS
def test_a_loud_sound_is_heard(board_id):
    """With a model made here: it tells whether the last 160 ms were loud."""
    weights = np.stack([np.full(320, -10), np.full(320, 10)])
    tiny = module(linear((1, 320), 0.1, weights, [320_000, -320_000]), ["quiet", "loud"])
    noise = np.random.default_rng(3).standard_normal(48_000) * np.repeat([3, 3000, 3], 16_000)
    files = {"app.py": app("wake_word"), "words.wav": speech.wav(speech.pcm(noise)), "m.tml": tiny}
    with bench(board_id, files) as board:
        assert heard(run_app(board, "app.main('{d}words.wav', '{d}m.tml', ('loud',))")) == ["loud"]


@BOARDS
def test_yes_and_no_are_heard(board_id):
    golden.require()
    words, pause = speech.recorded(), bytes(32_000)
    sound = b"".join([pause, words["yes_1000ms"], pause, words["no_1000ms"], pause, words["noise_1000ms"]])
    model = module(golden.model("micro_speech_quantized"), labels("wake_word"))
    files = {"app.py": app("wake_word"), "words.wav": speech.wav(sound), "m.tml": model}
    with bench(board_id, files) as board:
        assert heard(run_app(board, "app.main('{d}words.wav', '{d}m.tml')")) == ["yes", "no"]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


def format_of(channels: int = 1, rate: int = 16000, bits: int = 16, code: int = 1) -> bytes:
    sizes = (rate, rate * channels * bits // 8, channels * bits // 8, bits)
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, *sizes))


SOUND = chunk(b"data", bytes(range(200)))
ENDS = "ends before its format and samples; make it again"
REFUSED = {
    "nothing": (b"", "not a wav file"),
    "text": (b"samples of a voice, one per line", "not a wav file"),
    "an image": (b"RIFF\x10\0\0\0WEBPVP8 ", "not a wav file"),
    "stereo": (riff(format_of(channels=2), SOUND), "2 channels of 16 bits, 16000 Hz; 1, 16 and 16000 are needed"),
    "of a telephone": (riff(format_of(rate=8000, bits=8), SOUND), "1 channels of 8 bits, 8000 Hz"),
    "compressed": (riff(format_of(code=85), SOUND), "compressed (format 85); 16-bit PCM is needed"),
    "without samples": (riff(format_of()), ENDS),
    "without a format": (riff(SOUND), ENDS),
    "cut in its format": (riff(format_of(), SOUND)[:30], "ends in its format; make it again"),
    "cut before its format": (riff(format_of(), SOUND)[:14], ENDS),
    "a chunk of 4 GB": (riff(b"LIST\xff\xff\xff\xff", format_of(), SOUND), ENDS),
    "a format of 4 GB": (riff(b"fmt \xff\xff\xff\xff" + bytes(16), SOUND), ENDS),
}
TAKEN = {
    "notes around": (riff(chunk(b"LIST", b"odd"), format_of(), chunk(b"fact", bytes(4)), SOUND, chunk(b"id3 ", b"x" * 99)), 200),
    "extensible": (riff(format_of(code=0xFFFE), SOUND), 200),
    "endless": (riff(format_of(), b"data\xff\xff\xff\xff" + bytes(range(100))), 100),
    "cut in a sample": (riff(format_of(), SOUND)[:-1], 198),
}  # fmt: skip


@BOARDS
def test_wavs_that_are_none(board_id):
    files = {f"{i}.wav": content for i, (content, _) in enumerate([*REFUSED.values(), *TAKEN.values()])}
    with bench(board_id, {"app.py": app("wake_word"), **files}) as board:
        board.run(f"import sys\nsys.path.insert(0, {board.folder!r})\nimport app\nblock = bytearray(64)")
        for i, (_, words) in enumerate(REFUSED.values()):
            assert board.error(f"app.Wav('{board.folder}{i}.wav')").split(".wav: ")[1].startswith(words)
        for i, (_, taken) in enumerate(TAKEN.values(), len(REFUSED)):
            board.run(f"f, found = app.Wav('{board.folder}{i}.wav'), b''\nn = f.readinto(block)")
            board.run("while n:\n    found += block[:n]\n    n = f.readinto(block)")
            assert board.value("found") == bytes(range(taken))


# person


def seen(board_id: str, frame: bytes, tflite: bytes, call: str) -> str:
    """What the app prints for a frame."""
    files = {"app.py": app("person"), "frame.bin": frame, "m.tml": module(tflite, labels("person"))}
    with bench(board_id, files) as board:
        board.run(f"frame = open({board.folder + 'frame.bin'!r}, 'rb').read()")
        return run_app(board, call)[-1]


@BOARDS
@pytest.mark.parametrize(("grey", "label"), [(20, "no person"), (230, "person")])
def test_a_bright_picture(board_id, grey, label):
    """With a model made here: it calls persons what is bright."""
    weights = np.stack([np.full(48, -50), np.full(48, 50)])
    tiny = linear((1, 4, 4, 3), 1 / 255, weights, [300_000, -300_000])
    frame = frame_of(np.full((120, 160, 3), grey), "rgb565be")
    assert re.fullmatch(rf"{label} \(\d+ %\)", seen(board_id, frame, tiny, "app.main('{d}m.tml', lambda: frame)"))


def picture(name: str, channels: int) -> np.ndarray:
    """(96, 96, 3) levels of a picture beside the real models."""
    golden.require()
    file = f"{name}_96x96_rgb.png" if channels == 3 else f"{name}.bmp"
    return np.asarray(Image.open(PEOPLE / file).convert("RGB"))


@BOARDS
@pytest.mark.parametrize("name", ["person", "no_person"])
@pytest.mark.parametrize(
    ("model", "channels", "format"), [("person_detect", 1, "gray"), ("vww_96_int8", 3, "rgb565le")]
)
def test_people_as_the_host_sees_them(board_id, model, channels, format, name):
    tflite, levels = golden.model(model), picture(name, channels)
    if format == "rgb565le":  # what is left of each level
        levels = np.stack([levels[..., 0] & 0xF8, levels[..., 1] & 0xFC, levels[..., 2] & 0xF8], -1)
        levels = levels | levels >> [5, 6, 5]
    expected = oracle.run(tflite, [(levels[..., :channels].astype(int) - 128).astype(np.int8)[None]]).ravel()
    label, share = labels("person")[int(expected.argmax())], 100 * (int(expected.max()) + 128) // 256
    call = f"app.main('{{d}}m.tml', lambda: frame, 96, 96, {format!r})"
    assert seen(board_id, frame_of(levels, format), tflite, call) == f"{label} ({share} %)"
