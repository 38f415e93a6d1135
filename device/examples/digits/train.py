"""Trains and quantises the digits network. Needs TensorFlow (requirements-train.txt); about a minute on one core.

Writes digits.tflite, test_digits.npz and report.json beside itself. The same machine and the same versions give the
same bytes again.
"""

import json
import os
import platform
from contextlib import redirect_stdout
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN picks another order of summation on another processor.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np
import tensorflow as tf
from digits_data import Digits, Images, load, samples, split
from digits_int8 import CLASSES, MODEL, SAMPLES, Int8Model, accuracy, anatomy, confusion

Layers = tf.keras.layers

SEED = 1
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 4e-3
LABEL_SMOOTHING = 0.05
CALIBRATION_DIGITS = 300
REPORT = MODEL.with_name("report.json")
# One writer filled one sheet of about 130 digits, and the data set keeps their order: the last three sheets.
NEW_WRITER_DIGITS = 390


def normalise(x: Any, name: str) -> Any:
    """The converter folds this into the weights before it."""
    return Layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)


def convolution(x: Any, channels: int, size: int, name: str) -> Any:
    x = Layers.Conv2D(channels, size, padding="same", use_bias=False, name=name)(x)
    return Layers.ReLU(name=f"{name}_relu")(normalise(x, name))


def depthwise(x: Any, name: str) -> Any:
    x = Layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=name)(x)
    return Layers.ReLU(name=f"{name}_relu")(normalise(x, name))


def residual(x: Any, channels: int, name: str) -> Any:
    """A depthwise-separable block added to its own input."""
    y = depthwise(x, f"{name}_depthwise")
    y = Layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_pointwise")(y)
    y = normalise(y, f"{name}_pointwise")
    return Layers.ReLU(name=f"{name}_relu")(Layers.Add(name=f"{name}_add")([x, y]))


def network() -> Any:
    """8x8x1 → 10: a small MobileNet with one residual block, so that it shows the usual operators."""
    picture = Layers.Input((8, 8, 1))
    x = convolution(picture, 16, 3, "stem")
    x = convolution(depthwise(x, "depthwise"), 32, 1, "pointwise")
    x = residual(Layers.MaxPool2D(2, name="max_pool")(x), 32, "residual")
    x = Layers.Reshape((128,), name="flat")(Layers.AveragePooling2D(2, name="average_pool")(x))
    x = Layers.Dropout(0.3)(x)
    return tf.keras.Model(picture, Layers.Dense(CLASSES, activation="softmax", name="digit")(x), name="digits")


def shift(images: Images, random: np.random.Generator) -> Images:
    """(N, 8, 8, 1), each moved by up to one pixel either way; paper comes in at the edges."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    corners = random.integers(0, 3, (len(images), 2))
    return np.stack([image[y : y + 8, x : x + 8] for image, (y, x) in zip(padded, corners, strict=True)])


def epoch(digits: Digits, number: int, random: np.random.Generator) -> Images:
    """The digits as they are in odd epochs, shifted in even ones."""
    return digits.images if number % 2 else shift(digits.images, random)


def train(digits: Digits) -> Any:
    """A trained network; deterministic for the digits given."""
    tf.keras.utils.set_random_seed(SEED)
    model = network()
    steps = EPOCHS * -(-len(digits) // BATCH)
    model.compile(
        tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        tf.keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING),
    )
    random = np.random.default_rng(SEED)
    truth = np.eye(CLASSES, dtype=np.float32)[digits.labels]
    for number in range(EPOCHS):
        order = random.permutation(len(digits))
        model.fit(epoch(digits, number, random)[order], truth[order], BATCH, epochs=1, shuffle=False, verbose=0)
        print(f"\repoch {number + 1} of {EPOCHS}", end="", flush=True)
    print()
    return model


def quantise_model(model: Any, calibration: Images) -> bytes:
    """Full-integer .tflite: int8 input, weights, activations and output; batch fixed at one."""
    picture = Layers.Input(batch_shape=(1, 8, 8, 1), name="picture")
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(picture, model(picture), name="int8"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[np.newaxis]] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with redirect_stdout(StringIO()):  # it prints every variable's address
        return bytes(converter.convert())


def write_samples(path: Path, int8: Int8Model, chosen: Digits) -> None:
    """inputs (40, 8, 8, 1) int8, labels (40,) uint8, outputs (40, 10) int8 of the reference interpreter."""
    inputs = int8.quantise(chosen.images)
    np.savez_compressed(path, inputs=inputs, labels=chosen.labels.astype(np.uint8), outputs=int8.run(inputs))


def float_accuracy(model: Any, digits: Digits) -> float:
    return accuracy(digits.labels, model.predict(digits.images, verbose=0))


def new_writer_accuracy(digits: Digits) -> float:
    """The harder question: float accuracy on hands that a second network, trained for this only, has never seen."""
    numbers = np.arange(len(digits))
    known = numbers < len(digits) - NEW_WRITER_DIGITS
    return float_accuracy(train(digits.take(known)), digits.take(~known))


def model_report(model: bytes) -> dict[str, Any]:
    parts = anatomy(model)
    return {
        "tflite_bytes": len(model),
        "weight_bytes": parts.weight_bytes,
        "macs": parts.macs,
        "operators": list(parts.operators),
    }


def int8_report(int8: Int8Model, held_out: Digits) -> dict[str, Any]:
    outputs = int8.run(int8.quantise(held_out.images))
    table = confusion(held_out.labels, outputs.argmax(axis=1))
    per_class = np.diag(table) / table.sum(axis=1)
    return {
        "int8_accuracy": round(accuracy(held_out.labels, outputs), 4),
        "int8_accuracy_per_class": [round(float(share), 4) for share in per_class],
        "int8_confusion": table.tolist(),
    }


def versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("keras", "numpy", "scikit-learn", "tflite-micro")}
    return {"python": platform.python_version(), "tensorflow": tf.__version__, **packages}


def be_deterministic() -> None:
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def build() -> dict[str, Any]:
    """Writes the model and its samples; returns the report."""
    everything = load()
    training, held_out = split(everything)
    trained = train(training)
    model = quantise_model(trained, training.images[:CALIBRATION_DIGITS])
    int8 = Int8Model(model)
    MODEL.write_bytes(model)
    write_samples(SAMPLES, int8, samples(held_out))
    return {
        "training_digits": len(training),
        "held_out_digits": len(held_out),
        "float_accuracy": round(float_accuracy(trained, held_out), 4),
        **int8_report(int8, held_out),
        "new_writers_float_accuracy": round(new_writer_accuracy(everything), 4),
        "input": {"scale": int8.scale, "zero_point": int8.zero_point},
        **model_report(model),
        "versions": versions(),
    }


def main() -> None:
    be_deterministic()
    report = build()
    # One line for each key: a table of ten rows stays readable.
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in report.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    REPORT.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
