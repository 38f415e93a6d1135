"""Trains a small convolutional network on the UCI digits and writes it in all of Keras's forms. Run in an environment with the extra.

python train_keras.py FOLDER
"""

import os
import sys
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3", TF_NUM_INTRAOP_THREADS="1")

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

Layers = keras.layers


def data():
    """Training and held-out pictures (N, 8, 8, 1) in 0..1 with their digits."""
    raw = load_digits()
    images = (raw.images / 16).astype(np.float32)[..., np.newaxis]
    held_out = np.arange(len(images)) % 4 == 3
    return images[~held_out], raw.target[~held_out], images[held_out], raw.target[held_out]


def network():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="picture"),
            Layers.Conv2D(8, 3, padding="same", activation="relu", name="edges"),
            Layers.MaxPooling2D(name="halve"),
            Layers.Conv2D(16, 3, activation="relu", name="strokes"),
            Layers.Flatten(name="flat"),
            Layers.Dense(10, activation="softmax", name="digit"),
        ]
    )


def unsupported():
    """A layer that TFLite has and modules have not."""
    x = keras.Input((8, 8, 1))
    return keras.Model(x, keras.ops.cumsum(Layers.Conv2D(2, 3, name="first")(x), axis=1))


def with_int16(model, images):
    """The model as .tflite with activations of int16 and weights of int8, by TensorFlow alone."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int16
    converter.representative_dataset = lambda: ([image[np.newaxis]] for image in images)
    return converter.convert()


def main(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    images, digits, held_out, truth = data()
    model = network()
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy")
    model.fit(images, digits, 32, epochs=8, verbose=0)
    model.save(folder / "digits.keras")
    model.save(folder / "digits.h5")
    model.export(folder / "digits_saved", verbose=False)
    (folder / "digits_int16.tflite").write_bytes(with_int16(model, images[:300]))
    unsupported().save(folder / "cumsum.keras")
    np.save(folder / "calibration.npy", images[:300])
    np.save(folder / "test.npy", held_out)
    np.save(folder / "labels.npy", truth)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
