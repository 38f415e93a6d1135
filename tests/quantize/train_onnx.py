"""Trains two networks with scikit-learn and writes them as ONNX, as its exporters do. Run in an environment with the extra.

python train_onnx.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler


def split(inputs, labels):
    held_out = np.arange(len(inputs)) % 3 == 2
    return inputs[~held_out], labels[~held_out], inputs[held_out], labels[held_out]


def constant(name, values):
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def save(path, name, nodes, constants, shape, classes):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", classes])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def tumours(folder):
    """30 measurements of a cell → benign or malignant: three dense layers."""
    raw = load_breast_cancer()
    x, y, test, truth = split(StandardScaler().fit_transform(raw.data).astype(np.float32), raw.target)
    mlp = MLPClassifier((16, 8), max_iter=300, random_state=1).fit(x, y)
    weights, biases = mlp.coefs_, mlp.intercepts_
    # Two outputs in place of one: class 1 against class 0.
    weights[-1] = np.hstack([-weights[-1] / 2, weights[-1] / 2])
    biases[-1] = np.hstack([-biases[-1] / 2, biases[-1] / 2])
    nodes, constants, value = [], [], "x"
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        constants += [constant(f"w{i}", w), constant(f"b{i}", b)]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"dense{i}"]))
        nodes.append(
            helper.make_node("Softmax", [f"dense{i}"], ["p"], axis=-1)
            if i + 1 == len(weights)
            else helper.make_node("Relu", [f"dense{i}"], [f"relu{i}"])
        )
        value = f"relu{i}"
    save(folder / "tumours.onnx", "tumours", nodes, constants, [x.shape[1]], 2)
    names = [str(raw.target_names[i]) for i in truth]
    (folder / "tumours.labels.txt").write_text("\n".join(names) + "\n")
    (folder / "tumours.classes.txt").write_text("\n".join(raw.target_names) + "\n")
    np.save(folder / "tumours.calibration.npy", x)
    np.save(folder / "tumours.test.npy", test)
    np.save(folder / "tumours.truth.npy", truth)


def digits(folder):
    """Channels first, as PyTorch's exporter writes images: fixed edge filters and one trained layer over all pixels."""
    raw = load_digits()
    images = (raw.images / 16).astype(np.float32)[:, np.newaxis]
    x, y, test, truth = split(images, raw.target)
    edges = np.stack([[[0, 0, 0], [0, 1, 0], [0, 0, 0]], [[-1, -1, -1], [0, 0, 0], [1, 1, 1]], [[-1, 0, 1]] * 3])
    filters = edges[:, np.newaxis].astype(np.float32)
    mlp = MLPClassifier((), max_iter=200, random_state=1).fit(features(x, filters), y)
    whole = mlp.coefs_[0].T.reshape(10, 3, 6, 6)
    nodes = [
        helper.make_node("Conv", ["x", "edges"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "whole", "bias"], ["d"], kernel_shape=[6, 6]),
        helper.make_node("Flatten", ["d"], ["f"]),
        helper.make_node("Softmax", ["f"], ["p"], axis=-1),
    ]
    constants = [constant("edges", filters), constant("whole", whole), constant("bias", mlp.intercepts_[0])]
    save(folder / "digits.onnx", "digits", nodes, constants, [1, 8, 8], 10)
    np.savez(folder / "digits.npz", inputs=test, labels=truth)
    np.save(folder / "digits.calibration.npy", x[:200])


def features(x, filters):
    """What the first two layers give, flat."""
    patches = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nyxij,fij->nfyx", patches, filters[:, 0]), 0).reshape(len(x), -1)


def unsupported(folder):
    """An operator that modules have not."""
    nodes = [helper.make_node("Sin", ["x"], ["s"]), helper.make_node("Softmax", ["s"], ["p"], axis=-1)]
    save(folder / "sine.onnx", "sine", nodes, [], [30], 30)


if __name__ == "__main__":
    for write in (tumours, digits, unsupported):
        write(Path(sys.argv[1]))
