"""tinymlaas profile: every layer on every kind of board, beside a whole run, as table, JSON and picture."""

import json

import pytest
from typer.testing import CliRunner

from tests.support import golden
from tinymlaas.cli.app import app
from tinymlaas.compile import compile_model
from tinymlaas.device.pico import EmulatedPico
from tinymlaas.errors import ModuleError, TinymlError, UsageError
from tinymlaas.run import profile_module
from tinymlaas.run.timed import smallest
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.firmware import build_firmware

COUNTED = {"pico": "cycles", "qemu-m3": "instructions", "qemu-m4": "instructions", "qemu-rv32": "instructions"}
TIMED = ["host", "unix"]
LAYERS = 10  # of digits


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.tflite").write_bytes(golden.digits().data)
    (folder / "digits.tml").write_bytes(compile_model(golden.digits().data, "digits").module)
    return folder


def call(*words):
    """What a command prints; raises what it raises."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("board", COUNTED)
def test_layers_sum_up_to_a_run(digits, board):
    found = profile_module((digits / "digits.tml").read_bytes(), "digits", board)
    assert (found.board, found.unit, len(found.layers)) == (board, COUNTED[board], LAYERS)
    assert min(found.layers) > 0
    assert found.total + found.reading * LAYERS == pytest.approx(found.whole, rel=0.03)
    again = profile_module((digits / "digits.tml").read_bytes(), "digits", board)
    assert again.layers == found.layers


@pytest.mark.parametrize("board", TIMED)
def test_layers_by_the_clock(digits, board):
    """How long a run takes on this computer varies; that the layers are of it does not."""
    found = profile_module((digits / "digits.tml").read_bytes(), "digits", board)
    assert (found.target, found.unit, len(found.layers)) == ("x64", "microseconds", LAYERS)
    assert min(found.layers) > 0
    assert found.whole / 3 < found.total < found.whole * 3
    assert found.layers[2] > found.layers[8]  # 25 times the MACs


def test_json(digits):
    facts = json.loads(call("profile", digits / "digits.tflite", "--on", "qemu-m4", "--json", "--no-plot"))
    keys = {"name", "board", "target", "made_for", "unit", "how", "layers", "total", "reading_per_layer", "picture"}
    assert facts.keys() == keys
    assert (facts["target"], facts["made_for"], facts["picture"]) == ("m4", "m4", None)
    figures = {"measured", "predicted", "predicted_to_measured"}
    head = {"index", "operator", "kernel", "in_shape", "out_shape", "macs", "share"}
    assert {frozenset(layer) for layer in facts["layers"]} == {frozenset(head | figures)}
    assert facts["total"].keys() == figures | {"macs", "whole_run"}
    assert facts["total"]["macs"] == sum(layer["macs"] for layer in facts["layers"]) == 73_472
    assert sum(layer["share"] for layer in facts["layers"]) == pytest.approx(1, abs=0.01)
    assert facts["total"]["predicted_to_measured"] == pytest.approx(1, abs=0.1)


def test_table_and_picture(digits):
    lines = call("profile", digits / "digits.tml", "--on", "qemu-m3").splitlines()
    assert lines[1].split() == [
        "#",
        "operator",
        "kernel",
        "shape",
        "MACs",
        "instructions",
        "predicted",
        "ratio",
        "share",
    ]
    assert [line.split()[0] for line in lines[2 : 2 + LAYERS]] == [str(i) for i in range(LAYERS)]
    assert lines[2 + LAYERS].split()[0] == "sum"
    assert lines[-1].startswith("unit: instructions; ")
    picture = digits / "digits.profile.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_no_prediction_without_a_cost_model(digits):
    text = call("profile", digits / "digits.tml", "--on", "host", "--no-plot")
    assert "predicted" not in text
    assert "unit: microseconds" in text
    assert not (digits / "digits.host.png").exists()


def test_a_port_gives_microseconds_and_predicts_them_from_the_clock(digits):
    firmware = build_firmware(board_by_name("pico")).image
    with EmulatedPico(firmware) as pico, pico.pty() as port:
        found = profile_module((digits / "digits.tml").read_bytes(), "digits.tml", port)
    assert (found.target, found.unit, found.clock_hz) == ("m0plus", "microseconds", 125_000_000)
    assert len(found.layers) == LAYERS
    assert found.total == pytest.approx(found.whole, rel=0.1)


def test_errors(digits):
    with pytest.raises(TinymlError, match="No such file"):
        call("profile", digits / "none.tml", "--on", "host")
    with pytest.raises(UsageError, match=r"pico2 is not emulated; .* --on /dev/ttyACM0"):
        call("profile", digits / "digits.tml", "--on", "pico2")
    with pytest.raises(ModuleError, match="made for kernel target m4; pico runs m0plus; convert the model with"):
        call("profile", digits / "digits.tflite", "--target", "m4", "--on", "pico")


def test_smallest_waits_until_figures_settle():
    rounds = iter([[9.0, 5.0], [7.0, 6.0], [8.0, 4.0], *[[8.0, 5.0]] * 500])
    assert smallest(lambda: next(rounds)) == [7.0, 4.0]
    assert len(list(rounds)) > 300
