"""The microWakeWord models that PyPI's `pymicro-wakeword` ships: streaming models whose layers keep their past in variables."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

MODELS = ("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft")


def model(name: str) -> bytes:
    """The bytes of a model; skips the test where the package is missing."""
    package = pytest.importorskip("pymicro_wakeword", reason="the models are in PyPI's pymicro-wakeword")
    return (Path(package.__file__).parent / "models" / f"{name}.tflite").read_bytes()


@cache
def with_insight(name: str, every: int) -> bytes:
    """The model with the outputs of some of its layers as outputs of its own: probabilities of noise say little."""
    return insight(model(name), every)


def insight(content: bytes, every: int, *, biased: bool = True) -> bytes:
    """The same for any model; biased: with biases as they are, else zeros."""
    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = parsed.subgraphs[0]
    made = [op.outputs[0] for op in graph.operators if len(op.outputs) == 1 and len(op.inputs) > 1]
    for tensor in graph.tensors if not biased else ():
        data = parsed.buffers[tensor.buffer].data
        if tensor.type == schema.TensorType.INT32 and data is not None:
            parsed.buffers[tensor.buffer].data = np.zeros(len(data), np.uint8)
    graph.outputs = [*graph.outputs, *(t for t in made[::every] if t not in graph.outputs)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def settings(name: str) -> dict[str, Any]:
    """What the package says about using the model: `probability_cutoff`, `sliding_window_size` and more."""
    package = pytest.importorskip("pymicro_wakeword", reason="the models are in PyPI's pymicro-wakeword")
    path = Path(package.__file__).parent / "models" / f"{name}.json"
    return json.loads(path.read_text())["micro"]


def heard(name: str, samples: bytes) -> tuple[np.ndarray, np.ndarray]:
    """What the package itself makes of sound, with its own TensorFlow Lite: (outputs of every run, mean probabilities)."""
    package = pytest.importorskip("pymicro_wakeword", reason="the models are in PyPI's pymicro-wakeword")
    word, front_end = package.MicroWakeWord.from_builtin(package.Model(name)), package.MicroWakeWordFeatures()
    outputs, means = [], []
    for n, frame in enumerate(front_end.process_streaming(samples), 1):
        mean = word.process_streaming_prob(frame)
        if n % word.stride == 0:
            outputs.append(round(word._probabilities[-1] / word.output_scale))
            means.append(mean)
    return np.array(outputs, np.uint8), np.array(means)


def steps(shape: tuple[int, ...], count: int) -> np.ndarray:
    """Inputs as features are: quiet for some steps, then loud in some channels."""
    rng = np.random.default_rng(3)
    loudness = rng.uniform(-128, 100, (count, 1, 1, shape[-1])) * (rng.random((count, 1, 1, 1)) < 0.7)
    noise = rng.normal(0, 25, (count, *shape))
    return np.clip(loudness - 60 + noise, -128, 127).astype(np.int8)
