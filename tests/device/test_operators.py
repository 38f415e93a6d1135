"""Every operator without weights, byte for byte, on every board."""

import numpy as np
import pytest

from tests.support import oracle, wakewords
from tests.support.zoo import SHAPE, zoo_tflite
from tinymlaas.compile import compile_model
from tinymlaas.run import run_module

BOARDS = ["host", "unix", "qemu-m3", "qemu-m4", "qemu-rv32", "pico"]
ROUNDS = 3


@pytest.mark.parametrize("board", BOARDS)
def test_every_operator(board):
    model = zoo_tflite()
    compiled = compile_model(model, "zoo")
    images = np.random.default_rng(1).integers(-128, 128, (ROUNDS, *SHAPE)).astype(np.int8)
    result = run_module(compiled.module, "zoo", board, images)
    for i, image in enumerate(images):
        expected = oracle.run_all(model, [image], len(compiled.plan.outputs))
        for op, found, value in zip(compiled.plan.outputs, result.outputs, expected, strict=True):
            np.testing.assert_array_equal(found[i].reshape(value.shape), value, err_msg=str(op))


@pytest.mark.parametrize("board", BOARDS)
def test_wake_words_remember(board):
    """Step after step on one loaded model; a self-test in between would begin anew."""
    content = wakewords.with_insight("okay_nabu", 7)
    compiled = compile_model(content, "okay_nabu")
    inputs = wakewords.steps(compiled.graph.tensor(compiled.graph.inputs[0]).shape, 12)
    expected = wakewords.oracle(content, inputs, len(compiled.graph.outputs))
    result = run_module(compiled.module, "okay_nabu", board, inputs)
    for found, outputs in zip(result.outputs, expected, strict=True):
        np.testing.assert_array_equal(found.reshape(len(inputs), *outputs[0].shape), np.stack(outputs))
