"""ONNX models of real tasks: float → int8 → module → emulated Pico, and what goes wrong on the way in one line each."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support import extras, quantized

pytestmark = quantized.MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx")
    extras.train("onnx", path)
    return path


@pytest.fixture(scope="module")
def answers(folder):
    """Each command's exit code and words, by name."""

    def given(name, model, *more):
        return [folder / model, "--calibrate", folder / f"{name}.calibration.npy", *more, "--json"]

    names = ("--labels", folder / "tumours.labels.txt", "--classes", folder / "tumours.classes.txt")
    tested = ("--test", folder / "tumours.test.npy")
    (folder / "broken.onnx").write_bytes(b"no model")
    commands = {
        "tumours": given("tumours", "tumours.onnx", *tested, *names, "-o", folder / "tumours.tflite"),
        "digits": given("digits", "digits.onnx", "--test", folder / "digits.npz", "-o", folder / "digits.tflite"),
        "shape": given("tumours", "digits.onnx", "-o", folder / "shape.tflite"),
        "sine": given("tumours", "sine.onnx", "-o", folder / "sine.tflite"),
        "broken": given("tumours", "broken.onnx", "-o", folder / "broken.tflite"),
    }
    return quantized.answers("onnx", commands)


@pytest.mark.parametrize("name", ["tumours", "digits"])
def test_int8_is_nearly_as_good(answers, name):
    quantized.report_of_good(answers[name])


def test_names_of_classes_are_those_given(answers):
    assert [c["name"] for c in json.loads(answers["tumours"]["out"])["classes"]] == ["malignant", "benign"]


def test_the_emulated_pico_is_as_good_as_the_report_says(answers, folder, capsys):
    inputs, truth = np.load(folder / "tumours.test.npy"), np.load(folder / "tumours.truth.npy")
    said = quantized.check_on_the_pico("ONNX tumours", answers["tumours"], folder / "tumours.tflite", inputs, truth)
    with capsys.disabled():
        print(said)


def test_another_shape_is_refused_with_both(answers):
    assert "samples of 30, digits.onnx takes 1x8x8" in quantized.one_line(answers["shape"])


def test_an_operator_that_stays_in_float_is_named(answers):
    """The model is written all the same, with figures of the interpreter."""
    assert answers["sine"]["code"] == 0
    report = json.loads(answers["sine"]["out"])
    assert not report["compiles"]
    assert report["verdict"].startswith("sine: layer 1 SIN has no int8 in TensorFlow Lite and stayed in float; ")
    assert report["int8_by"] == "TensorFlow Lite's interpreter"


def test_what_is_no_model_is_one_line(answers):
    assert "broken.onnx: no ONNX model: " in quantized.one_line(answers["broken"])
