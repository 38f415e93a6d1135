"""`tinymlaas fit`: one row per board, the number that is short, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.support import golden
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas import romfs
from tinymlaas.compile import compile_model
from tinymlaas.device.pico import EmulatedPico
from tinymlaas.service.capabilities import of_board
from tinymlaas.service.fit import heap_bytes
from tinymlaas.target import board_by_name, load_boards
from tinymlaas.toolchain.firmware import build_firmware


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "digits.tflite"
    path.write_bytes(golden.digits().data)
    return path


def fit(*arguments):
    command = [sys.executable, "-c", "from tinymlaas.cli import main; main()", "fit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_board_has_a_verdict(digits):
    done = fit(digits, "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["board"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {b.id for b in load_boards().values() if b.transport != "host"}
    assert rows["pico"]["fits"]
    assert rows["pico"]["placement"] == "romfs"
    assert rows["pico"]["target"] == "m0plus"
    assert rows["pico"]["class"] == "C4"
    assert 3000 < rows["pico"]["time_us"] < 8000
    assert not rows["microbit"]["fits"]
    assert rows["microbit"]["short"] > 0


def test_a_board_that_is_too_small_ends_in_3_with_number_and_remedy(digits):
    done = fit(digits, "--on", "microbit")
    assert done.returncode == 3
    assert "no: 16 384 B of flash are short" in done.stdout
    assert "use a smaller model" in done.stdout
    assert fit(digits, "--on", "pico").returncode == 0


def test_a_finished_module_fits_where_its_target_runs(tmp_path):
    path = tmp_path / "digits.tml"
    path.write_bytes(compile_model(golden.digits().data, "digits", "m4").module)
    rows = {row["board"]: row for row in json.loads(fit(path, "--json").stdout)}
    assert rows["pybv11"]["fits"]
    assert not rows["pico"]["fits"]
    assert "made for m4, the device runs m0plus" in rows["pico"]["reason"]


def test_on_stock_firmware_the_runtime_takes_heap_too():
    """A native module lies in RAM: what fits beside it must be less than the heap after boot."""
    stock, ours = board_by_name("pico-w"), board_by_name("pico")
    assert of_board(stock).heap_block == stock.heap_bytes - 40960
    assert of_board(ours).heap_block == ours.heap_bytes
    assert of_board(board_by_name("microbit")).heap_block == 0


def test_nothing_fits_by_the_arena_alone(digits):
    row = json.loads(fit(digits, "--json", "--on", "pybv11").stdout)[0]
    block, _ = heap_bytes(row, row["placement"])
    assert block > row["arena_bytes"] + row["module_bytes"]


def test_what_is_no_model_is_one_line(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(b"not a model")
    done = fit(path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_connected_board_is_asked(tmp_path, digits):
    """With its own figures: heap as it is now, and the room that is left in its ROMFS."""
    firmware = build_firmware(board_by_name("pico")).image
    with EmulatedPico(firmware, romfs=romfs.build({"old.tml": bytes(300_000)})) as pico, pico.pty() as port:
        row = json.loads(fit(digits, "--json", "--on", port).stdout)[0]
        assert row["fits"]
        assert row["placement"] == "romfs"
        assert row["target"] == "m0plus"
        assert row["heap_block"] < board_by_name("pico").heap_bytes
        large = tmp_path / "large.tml"
        large.write_bytes(compile_model(large_model(), "large", "m0plus").module)
        done = fit(large, "--on", port)
        assert done.returncode == 3, done.stderr
        assert "of heap are short" in done.stdout


def large_model():
    """Its weights neither fit the rest of that ROMFS nor the heap."""
    rng = np.random.default_rng(1)
    weights = rng.integers(-20, 21, (1000, 250)).astype(np.int8)
    tensors = [
        TensorSpec((1, 250), 0.05, 0),
        TensorSpec(weights.shape, [0.01] * 1000, [0] * 1000, data=weights),
        TensorSpec((1, 1000), 0.05, 0),
    ]
    return single_op("FULLY_CONNECTED", tensors)
