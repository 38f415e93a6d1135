"""Every golden vector of the real models, byte for byte, on every board: portable modules, and modules made for the board."""

import numpy as np
import pytest

from tests.support import golden
from tinymlaas.compile import compile_model
from tinymlaas.run import run_module

BOARDS = ["host", "unix", "qemu-m3", "qemu-m4", "qemu-rv32", "pico"]
# More cores with the DSP extension: modules made for it, on the seeded random vectors.
MORE_DSP = ["qemu-m7", "qemu-m33", "qemu-m55"]
# Boards whose kernel target has constant layouts of its own.
MADE_FOR = {"qemu-m4": "m4", "qemu-rv32": "rv32", "pico": "m0plus"}


def _check(name, board, target, kinds=("random", "real"), reset_each=False):
    golden.require()
    vectors = golden.vectors(name, kinds)
    module = compile_model(golden.model(name), name, target).module
    result = run_module(module, name, board, vectors.inputs, reset_each=reset_each)
    wrong = [i for i in range(len(vectors.inputs)) if not np.array_equal(result.outputs[0][i], vectors.outputs[i])]
    assert not wrong, f"{len(wrong)} of {len(vectors.inputs)} vectors differ, first: {wrong[0]}"
    if board == "pico":
        assert result.weights_in_place


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", golden.SEVEN)
def test_portable_modules(name, board):
    _check(name, board, "any")


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", golden.REMEMBERING)
def test_models_that_remember(name, board):
    """Run after run, each kind of vectors from reset; where the vectors say so, each of them."""
    for kind in ("random", "real"):
        if golden.vectors_exist(name, kind):
            _check(name, board, MADE_FOR.get(board, "any"), (kind,), (name, kind) in golden.RESET_BETWEEN)


@pytest.mark.parametrize("board", MADE_FOR)
@pytest.mark.parametrize("name", golden.SEVEN)
def test_modules_made_for_the_board(name, board):
    _check(name, board, MADE_FOR[board])


@pytest.mark.parametrize("board", MORE_DSP)
@pytest.mark.parametrize("name", golden.SEVEN)
def test_more_cores_with_the_dsp_extension(name, board):
    _check(name, board, "m4", ("random",))


@pytest.mark.parametrize("board", MORE_DSP)
def test_digits_on_more_cores(board):
    digits = golden.digits()
    result = run_module(compile_model(digits.data, "digits", "m4").module, "digits", board, digits.inputs)
    np.testing.assert_array_equal(result.outputs[0].reshape(digits.outputs.shape), digits.outputs)
