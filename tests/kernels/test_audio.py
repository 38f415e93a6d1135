"""The speech front-end in C, to the bit as `pymicro-features` has it, and its FFT as TensorFlow Lite Micro has it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import speech, tflm_signal
from tinymlaas import audiotables
from tinymlaas.toolchain.hostlib import build_audio

STATE_BYTES = 4 + 4 * 40 + 2 * 480 + 4 * 256
SOUNDS = {**speech.synthetic(), **speech.recorded()}


@cache
def library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(build_audio()))
    loaded.tml_audio_feed.restype = ctypes.c_size_t
    return loaded


class Features:
    """The front-end, fed as C feeds it."""

    def __init__(self, hop: int = 160) -> None:
        self.state = ctypes.create_string_buffer(STATE_BYTES)
        library().tml_audio_reset(self.state, hop)

    def feed(self, samples: bytes) -> list[list[int]]:
        frames, frame, complete, at = [], (ctypes.c_uint16 * 40)(), ctypes.c_bool(True), 0
        while complete.value:
            n = ctypes.c_size_t((len(samples) - at) // 2)
            at += 2 * library().tml_audio_feed(self.state, samples[at:], n, frame, ctypes.byref(complete))
            if complete.value:
                frames.append(list(frame))
        return frames


def features(samples: bytes, hop: int = 160) -> np.ndarray:
    return np.array(Features(hop).feed(samples), np.int64).reshape(-1, 40)


@pytest.mark.parametrize("name", SOUNDS)
def test_features_to_the_bit(name):
    np.testing.assert_array_equal(features(SOUNDS[name]), speech.expected(SOUNDS[name]))


@given(st.integers(0, 2**32 - 1), st.floats(0, 16), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_features_of_any_sound(seed, loudness, n):
    rng = np.random.default_rng(seed)
    samples = speech.pcm(rng.standard_normal(n) * 2**loudness * rng.integers(0, 2, n) + rng.integers(-3, 4))
    np.testing.assert_array_equal(features(samples), speech.expected(samples))


@pytest.mark.parametrize("n", [0, 1, 479, 480, 481, 639, 640, 641])
def test_number_of_frames(n):
    assert len(features(bytes(2 * n))) == max(0, (n - 480) // 160 + 1)


@given(st.lists(st.integers(0, 700), max_size=30))
@settings(max_examples=30, deadline=None)
def test_blocks_of_any_size_make_the_same_frames(sizes):
    sound = SOUNDS["bursts"][: 2 * sum(sizes)]
    front_end, cuts = Features(), np.cumsum([0, *sizes]) * 2
    frames = [frame for a, b in pairwise(cuts) for frame in front_end.feed(sound[a:b])]
    assert frames == features(sound).tolist()


@pytest.mark.parametrize("hop", [1, 160, 240, 320, 480])
def test_hop_only_chooses_the_windows(hop):
    """Each window alone, with the noise heard in those before it: `pymicro-features` proves that for its own hop of 10 ms."""
    sound = np.frombuffer(SOUNDS["bursts"], np.int16)[3000:7000]
    noise, alone = bytes(160), []
    for begin in range(0, len(sound) - 480 + 1, hop):
        window = Features(hop)
        window.state[4:164] = noise
        alone += window.feed(sound[begin : begin + 480].tobytes())
        noise = window.state[4:164]
    assert alone == features(sound.tobytes(), hop).tolist()


def power(samples: np.ndarray) -> np.ndarray:
    """Power of bins 1 to 255, from the FFT in C."""
    places = [int(f"{n:08b}"[6:] + f"{n:08b}"[4:6] + f"{n:08b}"[2:4] + f"{n:08b}"[:2], 2) for n in range(256)]
    bins = np.zeros((256, 2), np.int16)
    bins[places] = samples.reshape(256, 2)
    library().tml_fft_power(bins.ctypes.data_as(ctypes.c_void_p), 0)
    return bins.view(np.uint32)[1:, 0].astype(np.int64)


def test_fft_to_the_bit():
    rng, oracle = np.random.default_rng(3), tflm_signal.rfft(512)
    full = [rng.choice([-32768, 32767], 512) for _ in range(30)]
    waves = [32767 * np.cos(2 * np.pi * k * np.arange(512) / 512) for k in (0, 1, 64, 127, 128, 255, 256)]
    noise = [rng.integers(-(2**bits), 2**bits, 512) for bits in range(16) for _ in range(10)]
    for samples in (np.asarray(x, np.int16) for x in (*full, *waves, *noise, *np.eye(512) * 32767)):
        spectrum = oracle(samples).reshape(257, 2).astype(np.int64)
        np.testing.assert_array_equal(power(samples), (spectrum**2).sum(1)[1:256])


@pytest.mark.parametrize(("numerator", "denominator"), [(256, 666), (403298, 1048576), (1 << 21, 1 << 20)])
@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_quantising(numerator, denominator, zero_point):
    frame, out = np.arange(1421, dtype=np.uint16), np.zeros(1421, np.int8)
    scaling = (ctypes.c_uint32 * 3)(numerator, denominator, zero_point & 0xFFFFFFFF)
    library().tml_audio_quantise(
        out.ctypes.data_as(ctypes.c_void_p), frame.ctypes.data_as(ctypes.c_void_p), 1421, scaling
    )
    wanted = np.floor(frame.astype(float) * numerator / denominator + 0.5) + zero_point
    np.testing.assert_array_equal(out, np.minimum(wanted, 127))


def test_tables_are_up_to_date():
    assert audiotables.SOURCE.read_text() == audiotables.source(), "run: python -m tinymlaas.audiotables"


def test_under_sanitizers():
    """Full-scale sounds of every kind in blocks of odd sizes on odd addresses: within bounds, without undefined behaviour."""
    code = """
import ctypes, random, sys
lib, chosen = ctypes.CDLL(sys.argv[1]), random.Random(4)
lib.tml_audio_feed.restype = ctypes.c_size_t
state, frame, complete = ctypes.create_string_buffer(int(sys.argv[2])), (ctypes.c_uint16 * 40)(), ctypes.c_bool()
for hop in (1, 160, 320, 480):
    lib.tml_audio_reset(state, hop)
    for n in range(200):
        few = chosen.choice([[0, 255], [127, 128], [0], range(256)])
        block = ctypes.create_string_buffer(bytes(chosen.choices(few, k=2 * n + 1)))
        lib.tml_audio_feed(state, ctypes.byref(block, 1), ctypes.c_size_t(n), frame, ctypes.byref(complete))
lib.tml_audio_reset(state, 160)
noise = bytes(chosen.choices(range(256), k=960))
lib.tml_audio_feed(state, noise, ctypes.c_size_t(480), state, ctypes.byref(complete))  # a frame over the state itself
print("done")
"""
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    environment = {**os.environ, "LD_PRELOAD": runtime.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0"}
    command = [sys.executable, "-c", code, str(build_audio(sanitize=True)), str(STATE_BYTES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr[-3000:]
