"""The committed digits model and samples are what they claim to be: real, held out, and judged by the reference."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "device" / "examples" / "digits"
sys.path.insert(0, str(EXAMPLE))

import digits_data  # noqa: E402
import digits_int8  # noqa: E402

OPERATORS = {
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "ADD",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "RESHAPE",
    "SOFTMAX",
    "PAD",
}


@pytest.fixture(scope="module")
def int8() -> digits_int8.Int8Model:
    return digits_int8.Int8Model(digits_int8.MODEL.read_bytes())


@pytest.fixture(scope="module")
def held_out() -> digits_data.Digits:
    return digits_data.split(digits_data.load())[1]


@pytest.fixture(scope="module")
def committed() -> Any:
    return np.load(digits_int8.SAMPLES)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    result: dict[str, Any] = json.loads((EXAMPLE / "report.json").read_text())
    return result


def test_split_is_every_fifth_of_each_class(held_out: digits_data.Digits) -> None:
    everything = digits_data.load()
    for digit in range(10):
        of_class = everything.images[everything.labels == digit]
        assert np.array_equal(held_out.images[held_out.labels == digit], of_class[4::5])


def test_training_sees_no_held_out_digit(held_out: digits_data.Digits) -> None:
    training = digits_data.split(digits_data.load())[0]
    seen = {image.tobytes() for image in training.images}
    assert len(training) + len(held_out) == 1797
    assert not [image for image in held_out.images if image.tobytes() in seen]


def test_samples_are_four_held_out_digits_of_each_class(
    int8: digits_int8.Int8Model, held_out: digits_data.Digits, committed: Any
) -> None:
    assert np.bincount(committed["labels"]).tolist() == [4] * 10
    for digit in range(10):
        chosen = held_out.images[held_out.labels == digit][::9]
        assert np.array_equal(committed["inputs"][committed["labels"] == digit], int8.quantise(chosen))


def test_input_quantisation_keeps_every_grey_value(int8: digits_int8.Int8Model) -> None:
    greys = np.minimum(np.arange(17, dtype=np.float32), digits_data.INK_MAX)
    assert int8.quantise(greys).tolist() == [min(16 * grey, 255) - 128 for grey in range(17)]


def test_reference_reproduces_committed_outputs(int8: digits_int8.Int8Model, committed: Any) -> None:
    assert np.array_equal(int8.run(committed["inputs"]), committed["outputs"])


def test_int8_accuracy_on_all_held_out_digits(
    int8: digits_int8.Int8Model, held_out: digits_data.Digits, report: dict[str, Any]
) -> None:
    outputs = int8.run(int8.quantise(held_out.images))
    accuracy = digits_int8.accuracy(held_out.labels, outputs)
    assert accuracy >= 0.97
    assert report["int8_accuracy"] == round(accuracy, 4)
    assert report["int8_confusion"] == digits_int8.confusion(held_out.labels, outputs.argmax(axis=1)).tolist()


def test_model_stays_small(report: dict[str, Any]) -> None:
    parts = digits_int8.anatomy(digits_int8.MODEL.read_bytes())
    assert set(parts.operators) <= OPERATORS
    assert parts.weight_bytes <= 20 * 1024
    assert parts.macs < 200_000
    assert (report["weight_bytes"], report["macs"]) == (parts.weight_bytes, parts.macs)


def test_labels_name_the_ten_digits() -> None:
    assert (EXAMPLE / "labels.txt").read_text().split() == [str(digit) for digit in range(10)]


def test_app_shows_a_held_out_digit(held_out: digits_data.Digits) -> None:
    picture = re.search(r'PICTURE = """(.*?)"""', (EXAMPLE / "app.py").read_text(), re.DOTALL)
    assert picture is not None
    image = np.minimum(np.array(picture[1].split(), np.float32), digits_data.INK_MAX).reshape(8, 8, 1)
    assert (held_out.images == image).all(axis=(1, 2, 3)).sum() == 1


def test_readme_quotes_the_report(report: dict[str, Any]) -> None:
    readme = (EXAMPLE / "README.md").read_text()
    for key in ("float_accuracy", "int8_accuracy", "new_writers_float_accuracy"):
        assert f"{100 * report[key]:.1f} %" in readme
    assert f"{report['macs']:,}".replace(",", " ") in readme
