"""Predictions come from a module's records alone, equal what the planner counted with, and are shown with their basis."""

import json

import pytest
from typer.testing import CliRunner

from tests.support import golden
from tests.support.streaming_tflite import streaming_tflite
from tinymlaas.cli.app import app
from tinymlaas.compile import compile_model
from tinymlaas.errors import ModuleError, UsageError
from tinymlaas.planfmt import OPERATORS, TARGETS
from tinymlaas.predict import UNITS, layer_costs, predict, predictions
from tinymlaas.report import layers
from tinymlaas.target import board_by_name, load_boards
from tinymlaas.unpack import unpack
from tinymlaas.variants import costs


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The digits model as .tflite and as modules, by target."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.tflite").write_bytes(golden.digits().data)
    for target in TARGETS:
        (folder / f"{target}.tml").write_bytes(compile_model(golden.digits().data, "digits", target).module)
    return folder


def call(*words):
    """What a command prints; raises what it raises."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("target", UNITS)
@pytest.mark.parametrize("name", ["digits", "kws_ref_model", "micro_speech_quantized", "ad01_int8"])
def test_a_record_costs_what_its_step_did(name, target):
    if name != "digits":
        golden.require()
    data = golden.digits().data if name == "digits" else golden.model(name)
    compiled = compile_model(data, name, target)
    planned = [step.cost for step in compiled.plan.steps]
    assert list(layer_costs(unpack(compiled.module), target)) == planned
    assert [x.kernel for x in layers(unpack(compiled.module))] == [step.variant for step in compiled.plan.steps]
    assert min(planned) > 0


@pytest.mark.parametrize("target", UNITS)
def test_every_operator_has_been_measured(target):
    assert set(costs.table()[target]["plain"]) == set(OPERATORS)


def test_the_choice_is_the_cheapest_that_was_considered(digits):
    for step in compile_model(golden.digits().data, "digits", "m0plus").plan.steps:
        allowed = [c for c in step.candidates if not c.refused]
        assert step.candidates[0].variant == step.variant
        assert step.cost == min(c.cost for c in allowed)
    assert {len(step.candidates) for step in compile_model(golden.digits().data, "digits").plan.steps} == {1}


def test_every_board_that_runs_a_module_is_predicted_or_has_no_cost_model(digits):
    portable = unpack((digits / "any.tml").read_bytes())
    assert {p.board for p in predictions(portable)} == {
        b.id for b in load_boards().values() if b.kernel_target in UNITS
    }
    made = unpack((digits / "m0plus.tml").read_bytes())
    assert {p.board for p in predictions(made)} == {b.id for b in load_boards().values() if b.kernel_target == "m0plus"}
    assert predict(portable, board_by_name("unix")) is None
    assert predict(made, board_by_name("qemu-m4")) is None


def test_times_have_a_basis_or_are_left_out(digits):
    found = {p.board: p for p in predictions(unpack((digits / "any.tml").read_bytes()))}
    pico, pyboard = found["pico"], found["pybv11"]
    assert pico.time_us == pytest.approx(pico.total / 125)
    assert (pico.unit, pico.basis.startswith("at 125 MHz")) == ("cycles", True)
    assert pyboard.time_us == pytest.approx(pyboard.total * 1.4 / 168)
    assert "estimate" in pyboard.basis
    for board in ("qemu-m4", "esp32-c3", "nucleo-h743zi"):
        assert found[board].time_us is None
        assert found[board].unit == "instructions"


def test_inspect_shows_kernels_and_costs(digits):
    lines = call("inspect", digits / "m0plus.tml").splitlines()
    head = next(line for line in lines if line.startswith("#"))
    assert "cycles on pico" in head
    first = next(line.split() for line in lines if line.startswith("0 "))
    assert first[1:3] == ["CONV_2D", "swar"]
    figures = lines[lines.index("predicted:") + 1]
    assert figures.split()[:2] == ["pico,", "pico-w"]
    assert "ms" in figures
    assert "at 125 MHz, without flash cache misses" in figures


def test_inspect_names_boards_without_a_prediction(digits):
    assert "no prediction: " in call("inspect", digits / "any.tml").splitlines()[-1]
    text = call("inspect", digits / "x64.tml")
    assert "predicted:" not in text
    assert text.splitlines()[-1] == "no prediction: host, unix"


def test_inspect_json(digits):
    facts = json.loads(call("inspect", digits / "digits.tflite", "--on", "qemu-m4", "--json"))
    assert facts["target"] == "m4"
    assert [p["board"] for p in facts["predictions"]] == ["qemu-m4"]
    prediction = facts["predictions"][0]
    assert prediction.keys() == {"board", "unit", "total", "time_us", "basis", "layers"}
    assert len(prediction["layers"]) == len(facts["layers"]) == len(facts["selection"])
    assert sum(prediction["layers"]) == pytest.approx(prediction["total"], abs=len(prediction["layers"]))
    assert facts["selection"][0][0]["variant"] == facts["layers"][0]["kernel"] == "dsp"
    assert "selection" not in json.loads(call("inspect", digits / "m4.tml", "--json"))


def test_inspect_says_why_a_kernel_was_refused():
    golden.require()
    model = golden.FOLDER / "micro_speech_quantized.tflite"
    text = call("inspect", model, "--on", "qemu-m4", "--selection")
    refused = next(line for line in text.splitlines() if "the limit is" in line)
    assert "scratch of 8000 B for the expanded input, the limit is 4096 B" in refused


def test_inspect_refuses_what_does_not_go_together(digits):
    with pytest.raises(ModuleError, match="made for kernel target m4; pico runs m0plus"):
        call("inspect", digits / "m4.tml", "--on", "pico")
    with pytest.raises(UsageError, match="already a module"):
        call("inspect", digits / "m4.tml", "--target", "m4")
    with pytest.raises(UsageError, match=r"give the \.tflite"):
        call("inspect", digits / "m4.tml", "--selection")


def test_inspect_says_what_a_model_keeps(tmp_path, digits):
    path = tmp_path / "streaming.tflite"
    path.write_bytes(streaming_tflite())
    plan = compile_model(path.read_bytes(), "streaming").plan
    assert f"(state {plan.state_bytes} B, live values" in call("inspect", path)
    assert json.loads(call("inspect", path, "--json"))["state_bytes"] == plan.state_bytes > 0
    assert "(live values" in call("inspect", digits / "digits.tflite")
