"""PyTorch models of real tasks: float → int8 → module → emulated Pico, and what goes wrong on the way in one line each."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import extras, quantized

pytestmark = quantized.MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch")
    extras.train("torch", path)
    return path


@pytest.fixture(scope="module")
def answers(folder):
    """Each command's exit code and words, by name."""

    def given(name, model, *more):
        return [model, "--calibrate", folder / f"{name}.calibration.npy", *more, "--json"]

    digits = ("--test", folder / "digits.test.npy", "--labels", folder / "digits.labels.npy")
    (folder / "broken.pt2").write_bytes(b"PK no zip")
    commands = {
        "digits": given("digits", folder / "digits.pt2", *digits, "-o", folder / "digits.tflite"),
        "wine": given("wine", f"{folder}/wine.py:build", "--test", folder / "wine.npz", "-o", folder / "wine.tflite"),
        "shape": given("wine", folder / "digits.pt2", "-o", folder / "shape.tflite"),
        "sorted": given("wine", folder / "sorted.pt2", "-o", folder / "sorted.tflite"),
        "broken": given("wine", folder / "broken.pt2", "-o", folder / "broken.tflite"),
        "number": given("wine", f"{folder}/wine.py:no_network", "-o", folder / "number.tflite"),
        "nothing": given("wine", f"{folder}/wine.py:nothing", "-o", folder / "nothing.tflite"),
    }
    return quantized.answers("torch", commands)


@pytest.mark.parametrize("name", ["digits", "wine"])
def test_int8_is_nearly_as_good(answers, name):
    report = quantized.report_of_good(answers[name])
    assert all(layer["sqnr_db"] > 25 for layer in report["layers"])


def test_the_emulated_pico_takes_pictures_with_channels_last(answers, folder, capsys):
    inputs, truth = np.moveaxis(np.load(folder / "digits.test.npy"), 1, -1), np.load(folder / "digits.labels.npy")
    said = quantized.check_on_the_pico("PyTorch digits", answers["digits"], folder / "digits.tflite", inputs, truth)
    with capsys.disabled():
        print(said)


def test_another_shape_is_refused_with_both(answers):
    assert quantized.one_line(answers["shape"]) == (
        "error: wine.calibration.npy: 119 samples of 13, digits.pt2 takes 1x8x8"
    )


def test_an_operator_without_kernel_is_named(answers):
    assert (
        "sorted.pt2: litert-torch cannot convert it: TensorFlow Lite does not run STABLEHLO_SORT; "
        in quantized.one_line(answers["sorted"])
    )


def test_what_is_no_program_is_one_line(answers):
    assert "broken.pt2: no exported program: " in quantized.one_line(answers["broken"])


def test_what_is_no_module_is_one_line(answers):
    assert "'no_network' gives a int, not a torch.nn.Module" in quantized.one_line(answers["number"])
    assert "has no 'nothing'" in quantized.one_line(answers["nothing"])
