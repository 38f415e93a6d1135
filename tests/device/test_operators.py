"""Every operator without weights, and every one with a state, byte for byte, on every board."""

import numpy as np
import pytest

from tests.support import oracle, wakewords
from tests.support.small_module import remembering_tflite
from tests.support.zoo import SHAPE, zoo_tflite
from tests.support.zoo_int16 import zoo_int16_tflite
from tinymlaas.compile import compile_model
from tinymlaas.run import run_module

BOARDS = ["host", "unix", "qemu-m3", "qemu-m4", "qemu-rv32", "pico"]
ROUNDS = 3


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("board", BOARDS)
def test_every_operator(board, dtype):
    model = zoo_tflite() if dtype == "int8" else zoo_int16_tflite()
    compiled = compile_model(model, "zoo")
    limits = np.iinfo(dtype)
    images = np.random.default_rng(1).integers(limits.min, limits.max + 1, (ROUNDS, *SHAPE)).astype(dtype)
    result = run_module(compiled.module, "zoo", board, images)
    for i, image in enumerate(images):
        expected = oracle.run_all(model, [image], len(compiled.plan.outputs))
        for op, found, value in zip(compiled.plan.outputs, result.outputs, expected, strict=True):
            np.testing.assert_array_equal(found[i].reshape(value.shape), value, err_msg=str(op))


@pytest.mark.parametrize("board", BOARDS)
def test_layers_remember(board):
    """SVDF with either state, LSTM, and integers of other sizes."""
    model = remembering_tflite()
    inputs = np.random.default_rng(2).integers(-32768, 32768, (8, 1, 8)).astype(np.int16)
    (expected,) = oracle.run_steps(model, inputs, 1)
    found = run_module(compile_model(model, "remembering").module, "remembering", board, inputs).outputs[0]
    np.testing.assert_array_equal(found.reshape(8, 5), np.concatenate(expected))
    assert len({row.tobytes() for row in found}) > len(inputs) // 2


@pytest.mark.parametrize("board", BOARDS)
def test_wake_words_remember(board):
    """Step after step on one loaded model; a self-test in between would begin anew."""
    content = wakewords.with_insight("okay_nabu", 7)
    compiled = compile_model(content, "okay_nabu")
    inputs = wakewords.steps(compiled.graph.tensor(compiled.graph.inputs[0]).shape, 12)
    expected = oracle.run_steps(content, inputs, len(compiled.graph.outputs))
    result = run_module(compiled.module, "okay_nabu", board, inputs)
    for found, outputs in zip(result.outputs, expected, strict=True):
        np.testing.assert_array_equal(found.reshape(len(inputs), *outputs[0].shape), np.stack(outputs))
