"""Real int8 models with inputs and the outputs that TensorFlow Lite Micro gives, from outside the repository."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(os.environ.get("TINYML_MODELS") or Path(__file__).resolve().parents[2].parent / "shared" / "models")
SEVEN = [
    "ad01_int8",
    "kws_ref_model",
    "pretrainedResnet_quant",
    "vww_96_int8",
    "person_detect",
    "hello_world_int8",
    "micro_speech_quantized",
]
# Models with state: vectors are run in order, each kind from reset.
REMEMBERING = ["keyword_scrambled_8bit", "trained_lstm_int8"]
RESET_BETWEEN = {("trained_lstm_int8", "real")}


@dataclass(frozen=True, slots=True)
class Vectors:
    """Inputs (N, *shape) and the expected first output of each."""

    inputs: np.ndarray
    outputs: np.ndarray


def require() -> None:
    """Skips the test where the models are not there."""
    if not FOLDER.is_dir():
        pytest.skip("no folder of real models; set TINYML_MODELS")


def model(name: str) -> bytes:
    """The bytes of a .tflite file."""
    return (FOLDER / f"{name}.tflite").read_bytes()


def vectors(name: str, kinds: Sequence[str] = ("random", "real")) -> Vectors:
    """All vectors of a model, seeded random ones first, then those made from real samples."""
    loaded = [np.load(path) for kind in kinds if (path := FOLDER / "golden" / f"{name}.{kind}.npz").exists()]
    return Vectors(*(np.concatenate([z[key] for z in loaded]) for key in ("inputs", "outputs")))


def vectors_exist(name: str, kind: str) -> bool:
    """Whether there are vectors of a kind."""
    return (FOLDER / "golden" / f"{name}.{kind}.npz").exists()


def layers(name: str) -> dict[str, np.ndarray]:
    """Every intermediate tensor for the first random input, by ``opNNN_NAME_tK``, and ``input``."""
    with np.load(FOLDER / "golden" / "layers" / f"{name}.npz") as stored:
        return dict(stored)


@dataclass(frozen=True, slots=True)
class Digits:
    """The repository's own model with its held-out digits."""

    data: bytes
    inputs: np.ndarray
    labels: np.ndarray
    outputs: np.ndarray


def digits() -> Digits:
    """The digits example, always there."""
    folder = Path(__file__).resolve().parents[2] / "device" / "examples" / "digits"
    with np.load(folder / "test_digits.npz") as stored:
        return Digits((folder / "digits.tflite").read_bytes(), *(stored[k] for k in ("inputs", "labels", "outputs")))
