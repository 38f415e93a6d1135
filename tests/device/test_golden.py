"""Every golden vector of the seven real models, byte for byte, on every board."""

import numpy as np
import pytest

from tests.support import golden
from tinymlaas.compile import compile_model
from tinymlaas.run import run_module

BOARDS = ["host", "unix", "qemu-m3", "qemu-m4", "qemu-rv32", "pico"]


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", golden.SEVEN)
def test_golden_outputs(name, board):
    golden.require()
    vectors = golden.vectors(name)
    module = compile_model(golden.model(name), name).module
    result = run_module(module, name, board, vectors.inputs)
    wrong = [i for i in range(len(vectors.inputs)) if not np.array_equal(result.outputs[0][i], vectors.outputs[i])]
    assert not wrong, f"{len(wrong)} of {len(vectors.inputs)} vectors differ, first: {wrong[0]}"
    if board == "pico":
        assert result.weights_in_place
