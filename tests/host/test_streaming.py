"""Models that remember: real wake words, over hundreds of steps and layer by layer; and what reset and states do."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import drawing, golden, oracle, stateful, wakewords
from tests.support.kernels import library
from tinymlaas.compile import compile_model
from tinymlaas.evaluate import evaluate, layer_outputs
from tinymlaas.simulate import simulate
from tinymlaas.tflite.importer import read
from tinymlaas.unpack import unpack

STEPS = 300


@pytest.mark.parametrize("name", wakewords.MODELS)
def test_every_step_equals_the_oracle(name):
    content = wakewords.with_insight(name, 3)
    compiled = compile_model(content, name)
    inputs = wakewords.steps(compiled.graph.tensor(compiled.graph.inputs[0]).shape, STEPS)
    expected = oracle.run_steps(content, inputs, len(compiled.graph.outputs))
    native = library().load(compiled.module)
    for step, value in enumerate(inputs):
        for found, outputs in zip(native.run([value]), expected, strict=True):
            np.testing.assert_array_equal(found, outputs[step])
    assert len({out.tobytes() for outputs in expected[1:] for out in outputs}) > STEPS


@pytest.mark.parametrize("name", wakewords.MODELS)
def test_memory_of_a_wake_word(name):
    compiled = compile_model(wakewords.model(name), name)
    assert compiled.plan.arena_bytes <= 8192
    header = unpack(compiled.module).header
    assert (header["flags"], header["n_init"]) == (1, len(compiled.graph.states))
    assert header["state_blocks"] * 16 == compiled.plan.state_bytes
    operators = {s.operator for s in compiled.plan.steps}
    assert operators == {
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "LOOKUP",
        "MOVE",
    }  # convolutions of one window are fully connected


def test_first_step_of_all_executors():
    """evaluate and simulate know the first run; the self-test vectors are made of it."""
    compiled = compile_model(wakewords.with_insight("hey_jarvis", 5), "x")
    (value,) = wakewords.steps(compiled.graph.tensor(compiled.graph.inputs[0]).shape, 1)
    native = library().load(compiled.module)
    found = evaluate(compiled.graph, [value]), simulate(compiled.graph, compiled.plan, [value]), native.run([value])
    for outputs in zip(*found, strict=True):
        np.testing.assert_array_equal(outputs[0], outputs[1])
        np.testing.assert_array_equal(outputs[0], outputs[2])
    native.run([value])
    assert native.selftest() == [0, 0]


def test_reset_and_state():
    compiled = compile_model(wakewords.with_insight("alexa", 4), "x")
    first, second, third = wakewords.steps(compiled.graph.tensor(compiled.graph.inputs[0]).shape, 3)
    native = library().load(compiled.module)
    beginning = native.state.copy()
    once = native.run([first])
    kept = native.state.copy()
    assert not np.array_equal(kept, beginning)
    again = native.run([second])
    native.run([third])
    native.state[:] = kept
    for a, b in zip(native.run([second]), again, strict=True):
        np.testing.assert_array_equal(a, b)
    native.reset()
    np.testing.assert_array_equal(native.state, beginning)
    for a, b in zip(native.run([first]), once, strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_without_memory_have_no_state():
    from tests.support.small_module import small_module

    native = library().load(small_module())
    assert native.state.size == 0
    assert unpack(small_module()).header["flags"] == 0


@pytest.mark.parametrize("op", stateful.SINGLE_OPS)
def test_layers_that_remember_equal_the_oracle(op):
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(stateful.SINGLE_OPS[op], st.integers(0, 2**32 - 1))
    def check(model, seed):
        compiled = compile_model(model, op)
        shape = compiled.graph.tensor(compiled.graph.inputs[0]).shape
        inputs = [drawing.values(shape, seed + i) for i in range(6)]
        (expected,) = oracle.run_steps(model, inputs, 1)
        native, numpy = library().load(compiled.module), stateful.steps_of(compiled.graph, [[x] for x in inputs])
        for value, (found,), outputs in zip(inputs, numpy, expected, strict=True):
            np.testing.assert_array_equal(found, outputs)
            np.testing.assert_array_equal(native.run([value])[0], outputs)
        native.reset()
        np.testing.assert_array_equal(native.run([inputs[0]])[0], expected[0])

    check()


def test_every_layer_of_a_keyword_model_equals_the_oracle():
    """Over many steps, each layer's output an output. Its scrambled biases outweigh all inputs: without them it is alive."""
    golden.require()
    content = wakewords.insight(golden.model("keyword_scrambled_8bit"), 1, biased=False)
    compiled = compile_model(content, "keyword")
    shape = compiled.graph.tensor(compiled.graph.inputs[0]).shape
    inputs = np.random.default_rng(2).uniform(0, 300, (60, *shape)).astype(np.int16)
    expected = oracle.run_steps(content, inputs, len(compiled.graph.outputs))
    native = library().load(compiled.module)
    for step, value in enumerate(inputs):
        for found, outputs in zip(native.run([value]), expected, strict=True):
            np.testing.assert_array_equal(found, outputs[step])
    assert len({out.tobytes() for outputs in expected for out in outputs}) > 9 * len(inputs)
    assert compile_model(golden.model("keyword_scrambled_8bit"), "keyword").plan.state_bytes == 4 * 512 + 3 * 1024


@pytest.mark.parametrize("name", golden.REMEMBERING)
def test_layers_of_models_that_remember(name):
    """The first run, layer by layer."""
    golden.require()
    layers = golden.layers(name)
    graph = read(golden.model(name), name)
    for op, found in layer_outputs(graph, [layers.pop("input")]):
        key = next((k for k in layers if k.startswith(f"op{op.index:03d}_")), None)
        if key is not None:
            np.testing.assert_array_equal(found, layers.pop(key))
    assert not layers


@pytest.mark.parametrize("kind", stateful.TIES)
def test_multipliers_of_layers_that_remember_are_exact(kind):
    for seed in range(10):
        model, value = stateful.TIES[kind](np.random.default_rng(seed))
        ((found,),) = stateful.steps_of(read(model, kind), [[value]])
        np.testing.assert_array_equal(found, oracle.run_steps(model, [value], 1)[0][0])


def test_an_unrolled_gru_runs_from_its_parts():
    """Of Keras: six steps, ten units, quantised by TensorFlow (``unroll=True``, else it is a loop)."""
    content = Path(stateful.__file__).with_name("gru_unrolled.tflite").read_bytes()
    compiled = compile_model(content, "gru")
    native = library().load(compiled.module)
    for value in np.random.default_rng(4).integers(-128, 128, (50, 1, 6, 8)).astype(np.int8):
        np.testing.assert_array_equal(native.run([value])[0], oracle.run_steps(content, [value], 1)[0][0])
    assert compiled.plan.state_bytes == 0
    assert compiled.plan.arena_bytes <= 256
