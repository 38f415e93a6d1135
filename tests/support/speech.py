"""Sounds, and the features that `pymicro-features` makes of them: the front-end microWakeWord models are trained with."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pymicro_features import MicroFrontend

from tests.support import golden

RATE = 16_000
FOLDER = golden.FOLDER / "samples" / "speech"
PER_FEATURE = 0.0390625


def recorded() -> dict[str, bytes]:
    """Samples of the recordings beside the real models; none where that folder is missing."""
    return {path.stem: samples_of(path) for path in sorted(FOLDER.glob("*.wav"))}


def samples_of(path: Path) -> bytes:
    """int16 samples of a wav file."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return file.readframes(file.getnframes())


@cache
def spoken(text: str) -> bytes:
    """A man's voice (of CMU's ARCTIC recordings) that says the text, with silence before and after; skips where flite is missing."""
    if shutil.which("flite") is None:
        pytest.skip("nobody speaks: flite is not installed; make deps")
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["flite", "-voice", "rms", "-t", text, "-o", file.name], check=True)
        said = samples_of(Path(file.name))
    return bytes(RATE) + said + bytes(RATE)


def wav(samples: bytes) -> bytes:
    """The samples as a wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setframerate(RATE)
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.writeframes(samples)
    return file.getvalue()


def pcm(values: np.ndarray) -> bytes:
    """Values as int16 samples, saturated."""
    return np.clip(np.rint(values), -32768, 32767).astype("<i2").tobytes()


@cache
def synthetic() -> dict[str, bytes]:
    """Sounds that reach the corners: every loudness, steps between them, full scale, tones, long enough for noise to settle."""
    rng = np.random.default_rng(11)
    t = np.arange(4 * RATE) / RATE
    noise = rng.standard_normal(len(t))
    sounds = {
        "swell": noise * np.exp(2.6 * t),
        "decay": noise * 20_000 * np.exp(-4 * t),
        "bursts": noise * 8_000 * (np.floor(4 * t) % 2) + 1,
        "chirp": 32_767 * np.sin(2 * np.pi * (50 * t + 1000 * t * t)),
        "silence": 0 * t,
        "highest": 0 * t + 32_767,
        "lowest": 0 * t - 32_768,
        "either": rng.choice([-32_768, 32_767], len(t)),
    }
    sounds |= {f"noise {size}": rng.uniform(-size, size, 2 * RATE) for size in (1, 2, 10, 100, 1000, 32_768)}
    sounds |= {f"square {n}": np.where(np.arange(RATE) // n % 2, 32_767, -32_768) for n in (2, 3, 7, 16, 17, 100)}
    return {name: pcm(values) for name, values in sounds.items()}


def expected(samples: bytes) -> np.ndarray:
    """Frames (N, 40) of `pymicro-features`, 10 ms apart, as integers."""
    return np.array(list(_frames(samples)), np.int64).reshape(-1, 40)


def _frames(samples: bytes) -> Iterator[list[int]]:
    front_end, at = MicroFrontend(), 0
    while at + 320 <= len(samples):  # it takes 10 ms at a time
        made = front_end.process_samples(samples[at : at + RATE])
        at += 2 * made.samples_read
        if made.features:
            yield [round(value / PER_FEATURE) for value in made.features]
