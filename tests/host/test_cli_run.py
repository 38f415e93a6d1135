"""tinymlaas run: a module, or a model that is compiled for the board on the spot; what is wrong is said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support import golden
from tinymlaas.cli.app import app
from tinymlaas.compile import compile_model
from tinymlaas.errors import TinymlError

DIGITS = golden.digits()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "digits.tflite").write_bytes(DIGITS.data)
    (tmp_path / "digits.tml").write_bytes(compile_model(DIGITS.data, "digits").module)
    np.save(tmp_path / "in.npy", DIGITS.inputs)
    return tmp_path


def run(folder: Path, name: str, *options: str, inputs: str = "in.npy") -> dict[str, object]:
    words = ["run", str(folder / name), "--on", "host", "--input", str(folder / inputs), "--json", *options]
    found: dict[str, object] = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    return found


@pytest.mark.parametrize(("name", "target"), [("digits.tml", "x64"), ("digits.tflite", "x64")])
def test_outputs_are_the_golden_ones(files: Path, name: str, target: str) -> None:
    said = run(files, name, "--output", str(files / "out.npy"))
    assert (said["inferences"], said["target"]) == (len(DIGITS.inputs), target)
    np.testing.assert_array_equal(np.load(files / "out.npy").reshape(DIGITS.outputs.shape), DIGITS.outputs)


def test_a_model_is_compiled_for_the_target_that_is_named(files: Path) -> None:
    portable, own = (run(files, "digits.tflite", "--target", t)["module_bytes"] for t in ("any", "x64"))
    assert portable == len(compile_model(DIGITS.data, "digits").module)
    assert own == len(compile_model(DIGITS.data, "digits", "x64").module)
    with pytest.raises(TinymlError, match="made for"):
        run(files, "digits.tflite", "--target", "m0plus")


def test_inputs_that_are_none(files: Path) -> None:
    (files / "text.npy").write_text("no array")
    np.savez(files / "many.npz", a=DIGITS.inputs, b=DIGITS.inputs)
    np.save(files / "real.npy", DIGITS.inputs.astype(np.float32))
    for name, words in (
        ("text.npy", "no .npy or .npz"),
        ("many.npz", "2 arrays .a, b.; give one"),
        ("real.npy", "float32"),
    ):
        with pytest.raises(TinymlError, match=words):
            run(files, "digits.tml", inputs=name)
