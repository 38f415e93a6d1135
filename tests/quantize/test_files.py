"""What needs no extra: samples and labels, and what is said when an extra is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from tinymlaas.errors import TinymlError, UsageError
from tinymlaas.quantize import extras
from tinymlaas.quantize.accuracy import accuracy
from tinymlaas.quantize.classes import check_count, predicted, truth
from tinymlaas.quantize.samples import Samples, load_labels, load_samples, shaped
from tinymlaas.quantize.sources import open_source


def saved(path, values):
    np.save(path, values)
    return path


def test_nan_is_refused_with_the_sample(tmp_path):
    x = np.zeros((5, 3), np.float32)
    x[2, 1], x[4, 0] = np.nan, np.inf
    with pytest.raises(TinymlError, match=r"x.npy: 2 of 5 samples hold NaN or infinity, first sample 2; remove them"):
        load_samples(saved(tmp_path / "x.npy", x))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((0, 3), np.float32), r"shape \(0, 3\); samples lie along the first dimension"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
        (np.array([["a"]]), "not numbers"),
    ],
)
def test_what_are_no_samples_is_refused(tmp_path, values, words):
    with pytest.raises(TinymlError, match=words):
        load_samples(saved(tmp_path / "x.npy", values))


def test_a_file_that_is_no_array_is_refused(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(b"no array")
    with pytest.raises(TinymlError, match=r"write it with numpy\.save"):
        load_samples(path)
    with pytest.raises(TinymlError, match="No such file"):
        load_samples(tmp_path / "y.npy")


def test_npz_holds_inputs_and_labels(tmp_path):
    np.savez(tmp_path / "x.npz", inputs=np.ones((2, 3), np.uint8), labels=np.array([1, 0]))
    found = load_samples(tmp_path / "x.npz")
    assert found.inputs.dtype == np.float32
    assert found.labels.tolist() == [1, 0]
    np.savez(tmp_path / "x.npz", a=np.ones((2, 3)), b=np.ones(2))
    with pytest.raises(TinymlError, match=r"holds 2 arrays \(a, b\); name the samples 'inputs'"):
        load_samples(tmp_path / "x.npz")


def test_shapes_are_compared():
    given = Samples("x.npy", np.zeros((7, 8, 8, 1), np.float32))
    assert shaped(given, (None, 8, 1), "m") is given.inputs
    with pytest.raises(TinymlError, match=r"x.npy: 7 samples of 8x8x1, m takes 64; the size is right: save x.reshape"):
        shaped(given, (64,), "m")
    with pytest.raises(TinymlError, match=r"m takes 9x8x1$"):
        shaped(given, (9, 8, 1), "m")


def test_labels_of_text_are_numbers_or_names(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("2\n0\n")
    assert load_labels(path).tolist() == [2, 0]
    path.write_text("up\ndown\nup\n")
    known = truth(load_labels(path), 2)
    assert known.names == ("down", "up")
    assert known.numbers.tolist() == [1, 0, 1]
    assert truth(load_labels(path), 2, ["up", "down"]).numbers.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "names", "words"),
    [
        (np.array(["a", "b", "c"]), [], "the labels name 3 classes, the model tells 2 apart.*--classes"),
        (np.array(["a", "x"]), ["a", "b"], "label 'x' is not among the classes a, b"),
        (np.array([0, 2]), [], "label 2 is out of range: the model has the classes 0 to 1"),
        (np.array([0.5]), [], "no class numbers"),
        (np.array([0]), ["a"], "1 class names, the model tells 2 classes apart"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, names, words):
    with pytest.raises(TinymlError, match=words):
        truth(labels, 2, names)


def test_one_label_a_sample():
    with pytest.raises(TinymlError, match="3 labels for 4 samples"):
        check_count(np.zeros(3), 4)


def test_one_output_is_two_classes():
    assert predicted(np.array([[0.4], [0.6]])).tolist() == [0, 1]
    assert predicted(np.array([[-3.0], [0.2]])).tolist() == [0, 1]


def test_the_worst_class_is_the_one_int8_tells_worst():
    right, wrong = [[1, 0]], [[0, 1]]
    found = accuracy(
        np.array(right * 2 + wrong * 2), np.array(wrong + right + wrong * 2), truth(np.array([0, 0, 1, 1]), 2)
    )
    assert (found.float_share, found.int8_share) == (1.0, 0.75)
    assert (found.worst.name, found.worst.float_share, found.worst.int8_share) == ("0", 1.0, 0.5)


@pytest.mark.parametrize(
    ("name", "words"),
    [("m.tflite", "already TensorFlow Lite"), ("m.pt", "torch.export.save"), ("m.xyz", "takes .keras")],
)
def test_files_of_other_kinds_are_refused(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UsageError, match=words):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("m.keras", "tensorflow", "keras"), ("m.onnx", "onnx", "onnx"), ("m.pt2", "litert_torch", "torch")],
)
def test_a_missing_extra_is_named_with_what_to_install(tmp_path, name, module, extra):
    if importlib.util.find_spec(module):
        pytest.skip(f"{module} is installed in this environment")
    (tmp_path / name).write_bytes(b"")
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    command = ["quantize", tmp_path / name, "--calibrate", tmp_path / "x.npy", "-o", tmp_path / "out.tflite"]
    words = [sys.executable, "-c", "from tinymlaas.cli import main; main()", *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"pip install 'tinymlaas[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_extra_that_is_there_is_imported():
    assert extras.load("keras", "json").dumps([]) == "[]"
