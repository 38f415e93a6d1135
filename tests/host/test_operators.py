"""The list of operators for users is complete, up to date and true; so is what is said about a model before it is compiled."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from tests.support import models
from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas import operators, planfmt
from tinymlaas.cli.app import app
from tinymlaas.compile import compile_model
from tinymlaas.errors import UnsupportedError
from tinymlaas.ops import OPS
from tinymlaas.review import review

ROW = TensorSpec((1, 12), 0.5, 3)


def test_every_operator_is_listed():
    assert set(operators.NOTES) == set(OPS) - {"MOVE"}
    kernels = {k for note in operators.NOTES.values() for k in note.kernels.split(", ") if k}
    assert kernels == set(planfmt.OPERATORS)


def test_document_is_up_to_date():
    current = operators.PATH.read_text()
    assert operators.text(current) == current, "run python -m tinymlaas.operators"


@pytest.mark.parametrize("op", models.SINGLE_OPS)
def test_kernels_are_those_of_the_list(op):
    known = set(operators.NOTES[op.split()[0]].kernels.split(", ")) | {"COPY"}

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(models.SINGLE_OPS[op])
    def check(model: bytes) -> None:
        assert {s.operator for s in compile_model(model, op).plan.steps} <= known

    check()


def mixed() -> bytes:
    """A layer that runs, one with an operator and one with a scale that do not, and one that is folded."""
    tensors = [ROW, ROW, ROW, TensorSpec((1, 12), 0.5, -128), TensorSpec((1, 12), dtype="float32", name="out")]
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("LOG_SOFTMAX", (1,), (2,)),
        OpSpec("LOGISTIC", (2,), (3,)),
        OpSpec("DEQUANTIZE", (3,), (4,)),
    ]
    return write_tflite(tensors, ops, [0], [4])


def test_review_of_a_model_that_cannot_be_compiled():
    found = review(mixed(), "mixed")
    assert [x.operator for x in found] == ["RELU", "LOG_SOFTMAX", "LOGISTIC", "DEQUANTIZE"]
    assert [x.kernels for x in found] == [("MAX_POOL_2D",), (), (), ()]
    assert "not supported" in found[1].refused
    assert found[2].refused == "output scale 0.5, zero point -128; only 1/256 and -128 are supported"
    assert found[3].refused == ""


def test_inspect_lists_all_layers_and_reasons(tmp_path):
    path = tmp_path / "mixed.tflite"
    path.write_bytes(mixed())
    shown = CliRunner().invoke(app, ["inspect", str(path)])
    assert "LOG_SOFTMAX" in shown.stdout
    assert "(LOGISTIC): output scale 0.5" in shown.stdout
    assert isinstance(shown.exception, UnsupportedError)
    assert "2 of 4 layers would not run" in str(shown.exception)
    said = json.loads(CliRunner().invoke(app, ["inspect", str(path), "--json"]).stdout)
    assert [bool(x["refused"]) for x in said["layers"]] == [False, True, True, False]


def test_support_of_a_model_that_runs(tmp_path):
    path = tmp_path / "runs.tflite"
    path.write_bytes(write_tflite([ROW, ROW], [OpSpec("RELU6", (0,), (1,))], [0], [1]))
    shown = CliRunner().invoke(app, ["inspect", str(path), "--support", "--json"])
    assert json.loads(shown.stdout)["runs"]
    assert shown.exit_code == 0
