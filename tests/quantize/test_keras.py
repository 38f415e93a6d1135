"""Keras models of a real task: float → int8 → module → emulated Pico, and what goes wrong on the way in one line each."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import extras, oracle, quantized
from tinymlaas.compile import compile_model
from tinymlaas.run import run_module

pytestmark = quantized.MARKS

FORMS = ("digits.keras", "digits.h5", "digits_saved")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras")
    extras.train("keras", path)
    np.save(path / "few.npy", np.load(path / "calibration.npy")[:20])
    np.save(path / "flat.npy", np.load(path / "calibration.npy").reshape(-1, 64))
    np.save(path / "short.npy", np.load(path / "labels.npy")[:-1])
    return path


@pytest.fixture(scope="module")
def answers(folder):
    """Each command's exit code and words, by name."""
    data = ["--calibrate", folder / "calibration.npy", "--test", folder / "test.npy", "--labels", folder / "labels.npy"]
    commands = {form: [folder / form, *data, "-o", folder / f"{form}.tflite", "--json"] for form in FORMS}
    commands["words"] = [folder / "digits.keras", *data, "-o", folder / "words.tflite"]
    commands["few"] = [folder / "digits.keras", "--calibrate", folder / "few.npy", "-o", folder / "few.tflite"]
    commands["flat"] = [folder / "digits.keras", "--calibrate", folder / "flat.npy", "-o", folder / "flat.tflite"]
    commands["cumsum"] = [folder / "cumsum.keras", "--calibrate", folder / "few.npy", "-o", folder / "cumsum.tflite"]
    short = ["--test", folder / "test.npy", "--labels", folder / "short.npy"]
    commands["short"] = [folder / "digits.keras", "--calibrate", folder / "few.npy", *short, "-o", folder / "s.tflite"]
    (folder / "broken.keras").write_bytes(b"PK no zip")
    commands["broken"] = [folder / "broken.keras", "--calibrate", folder / "few.npy", "-o", folder / "broken.tflite"]
    return quantized.answers("keras", commands)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_a_model_that_compiles(answers, folder, form):
    report = quantized.report_of_good(answers[form], drop=0.01)
    assert [layer["operator"] for layer in report["layers"]][:2] == ["CONV_2D", "MAX_POOL_2D"]
    assert all(layer["sqnr_db"] > 25 for layer in report["layers"])
    assert (folder / f"{form}.accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_the_emulated_pico_is_as_good_as_the_report_says(answers, folder, capsys):
    inputs, truth, model = np.load(folder / "test.npy"), np.load(folder / "labels.npy"), folder / "digits.keras.tflite"
    said = quantized.check_on_the_pico("Keras digits", answers["digits.keras"], model, inputs, truth)
    with capsys.disabled():
        print(said)


def test_activations_of_int16(answers, folder, capsys):
    """The converter's 16x8 mode: the emulated Pico gives the bytes of the oracle, and is as good as the network in float."""
    model, images = (folder / "digits_int16.tflite").read_bytes(), np.load(folder / "test.npy")
    compiled = compile_model(model, "digits", "m0plus")
    quant = compiled.graph.tensor(compiled.graph.inputs[0]).quant
    inputs = np.clip(np.round(images / quant.scale), -32768, 32767).astype(np.int16)
    found = run_module(compiled.module, "digits", "pico", inputs).outputs[0].reshape(len(inputs), -1)
    expected = [values for (values,) in oracle.run_steps(model, inputs[:, None], 1)[0]]
    np.testing.assert_array_equal(found, expected)
    right = (found.argmax(axis=1) == np.load(folder / "labels.npy")).mean()
    in_float = quantized.report_of_good(answers["digits.keras"], drop=0.01)["float_accuracy"]
    assert right == pytest.approx(in_float, abs=0.005)
    with capsys.disabled():
        print(f"\nKeras digits with int16: float {in_float:.4f}, Pico {right:.4f}")


def test_the_report_in_words(answers):
    out = answers["words"]["out"]
    first = out.splitlines()[0]
    assert first.startswith("float 9")
    assert "(449 samples; worst class '" in first
    assert "words.accuracy.png" in first
    assert "compiles: module " in out.splitlines()[-1]
    assert answers["words"]["err"] == ""


def test_few_samples_are_a_warning(answers):
    assert answers["few"]["code"] == 0
    assert "warning: few.npy holds 20 samples" in answers["few"]["err"]
    assert "no labels given" in answers["few"]["out"]


def test_another_shape_is_refused_with_both(answers, folder):
    assert answers["flat"]["code"] == 1
    assert answers["flat"]["err"].strip() == (
        "error: flat.npy: 300 samples of 64, digits.keras takes 8x8x1; the size is right: save x.reshape(-1, 8, 8, 1)"
    )
    assert not (folder / "flat.tflite").exists()


def test_missing_labels_are_counted(answers):
    assert answers["short"]["code"] == 1
    assert answers["short"]["err"] == "error: 448 labels for 449 samples; give one label a sample, in the same order\n"


def test_an_operator_that_stays_in_float_is_named(answers, folder):
    """It is quantised all the same: only the verdict says that no module can be made of it."""
    assert answers["cumsum"]["code"] == 0
    said = "does not compile: cumsum: layer 2 CUMSUM has no int8 in TensorFlow Lite and stayed in float; "
    assert answers["cumsum"]["out"].splitlines()[-1].startswith(said)
    assert (folder / "cumsum.tflite").exists()


def test_a_damaged_file_is_one_line(answers):
    assert answers["broken"]["code"] == 1
    assert answers["broken"]["err"].startswith("error: broken.keras: Keras cannot load it: ")
    assert len(answers["broken"]["err"].strip().splitlines()) == 1
