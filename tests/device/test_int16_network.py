"""A network in the 16x8 mode of the converter, byte for byte, on every board."""

import numpy as np
import pytest

from tests.support import oracle
from tests.support.network_int16 import SHAPE, network
from tinymlaas.compile import compile_model
from tinymlaas.run import run_module

BOARDS = ["host", "unix", "qemu-m3", "qemu-m4", "qemu-rv32", "pico"]
ROUNDS = 3


@pytest.mark.parametrize("board", BOARDS)
def test_network(board):
    compiled = compile_model(network(), "int16")
    kernels = [step.operator for step in compiled.plan.steps]
    assert kernels.count("CONV_INT16") == 7
    assert "MOVE" not in kernels, "padding is part of the convolution behind it"
    images = np.random.default_rng(1).integers(-32768, 32768, (ROUNDS, *SHAPE)).astype(np.int16)
    result = run_module(compiled.module, "int16", board, images)
    for i, image in enumerate(images):
        expected = oracle.run_all(network(), [image], 3)
        for found, value in zip(result.outputs, expected, strict=True):
            np.testing.assert_array_equal(found[i].reshape(value.shape), value)
            assert np.unique(value).size > 2, "nothing but limits"
