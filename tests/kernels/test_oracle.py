"""Single-operator models: the tflite-micro interpreter, the numpy evaluation and the C kernels give the same bytes.

The chain under test is the product's own: .tflite → import → passes → plan → module → C loader → shipped kernel.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.kernels import library, random_bytes
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.evaluate import evaluate
from tinymlaas.tflite.importer import read

runtime = pytest.importorskip("tflite_micro", reason="the oracle is the tflite-micro package").runtime

SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(["random", "random", "random", "min", "max"])
zero_points = st.integers(-128, 127)
scales = st.floats(0.002, 0.3).map(np.float32)
activations = st.sampled_from([NONE, NONE, RELU, RELU6])


# An output scale, in units of the product of input and weight scale, that leaves most sums unsaturated.
spreads = st.floats(10, 3000)


def tensor(shape, scale, zero_point, **rest) -> TensorSpec:
    return TensorSpec(tuple(shape), np.float32(scale), zero_point, **rest)


def int8_array(rng, shape, kind) -> np.ndarray:
    return np.frombuffer(random_bytes(rng, int(np.prod(shape)), kind), np.int8).reshape(shape)


def weights_and_bias(rng, shape, channel_axis, in_scale, kind, *, per_channel):
    """Symmetric weights with one scale per channel or one for all, and a bias of matching scale."""
    channels = shape[channel_axis]
    weights = np.maximum(int8_array(rng, shape, kind), -127)
    weight_scales = rng.uniform(0.001, 0.02, channels if per_channel else 1).astype(np.float32)
    bias = rng.integers(-4000, 4000, channels).astype(np.int32)
    zeros = np.zeros(len(weight_scales), np.int64)
    return (
        TensorSpec(tuple(shape), weight_scales, zeros, data=weights, axis=channel_axis),
        TensorSpec((channels,), weight_scales * np.float32(in_scale), zeros, "int32", bias),
    )


def out_size(size, taps, stride, dilation, padding):
    extent = (taps - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - extent) // stride + 1


@st.composite
def windows(draw, dilations=(1, 1, 1, 2)):
    """(size, filter, stride, dilation, out) in one direction for a padding, at least one output."""
    taps, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from(dilations))
    return draw(st.integers((taps - 1) * dilation + 1, 10)), taps, stride, dilation


@st.composite
def conv_models(draw, op):
    (h, fh, sh, dh), (w, fw, sw, dw) = draw(windows()), draw(windows())
    padding, in_c, multiplier = draw(st.sampled_from([SAME, VALID])), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    rng, depthwise = np.random.default_rng(draw(SEEDS)), op == "DEPTHWISE_CONV_2D"
    out_c = in_c * multiplier if depthwise else draw(st.integers(1, 9))
    shape, axis = ((1, fh, fw, out_c), 3) if depthwise else ((out_c, fh, fw, in_c), 0)
    in_scale, kind = draw(scales), draw(KINDS)
    weights, bias = weights_and_bias(rng, shape, axis, in_scale, kind, per_channel=True)
    out_shape = (1, out_size(h, fh, sh, dh, padding), out_size(w, fw, sw, dw, padding), out_c)
    options = {"padding": padding, "strideH": sh, "strideW": sw, "dilationHFactor": dh, "dilationWFactor": dw}
    options |= {"depthMultiplier": multiplier} if depthwise else {}
    source = tensor((1, h, w, in_c), in_scale, draw(zero_points))
    target = tensor(out_shape, in_scale * 0.01 * draw(spreads), draw(zero_points))
    model = single_op(op, [source, weights, bias, target], fusedActivationFunction=draw(activations), **options)
    return model, [int8_array(rng, source.shape, draw(KINDS))]


@st.composite
def fully_connected_models(draw):
    rows, n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 70)), draw(st.integers(1, 20))
    rng, in_scale = np.random.default_rng(draw(SEEDS)), draw(scales)
    weights, bias = weights_and_bias(rng, (n_out, n_in), 0, in_scale, draw(KINDS), per_channel=draw(st.booleans()))
    source = tensor((rows, n_in), in_scale, draw(zero_points))
    target = tensor((rows, n_out), in_scale * 0.01 * draw(spreads), draw(zero_points))
    model = single_op("FULLY_CONNECTED", [source, weights, bias, target], fusedActivationFunction=draw(activations))
    return model, [int8_array(rng, source.shape, draw(KINDS))]


@st.composite
def pool_models(draw, op):
    (h, fh, sh, _), (w, fw, sw, _) = draw(windows((1,))), draw(windows((1,)))
    padding, channels = draw(st.sampled_from([SAME, VALID])), draw(st.integers(1, 9))
    out_shape = (1, out_size(h, fh, sh, 1, padding), out_size(w, fw, sw, 1, padding), channels)
    scale, zero_point, rng = draw(scales), draw(zero_points), np.random.default_rng(draw(SEEDS))
    tensors = [tensor((1, h, w, channels), scale, zero_point), tensor(out_shape, scale, zero_point)]
    options = {"padding": padding, "strideH": sh, "strideW": sw, "filterHeight": fh, "filterWidth": fw}
    model = single_op(op, tensors, fusedActivationFunction=draw(activations), **options)
    return model, [int8_array(rng, tensors[0].shape, draw(KINDS))]


@st.composite
def add_models(draw):
    shape, rng = (1, draw(st.integers(1, 5)), draw(st.integers(1, 5)), 3), np.random.default_rng(draw(SEEDS))
    tensors = [tensor(shape, draw(scales), draw(zero_points)) for _ in range(3)]
    model = single_op("ADD", tensors, fusedActivationFunction=draw(activations))
    return model, [int8_array(rng, shape, draw(KINDS)) for _ in range(2)]


@st.composite
def softmax_models(draw):
    shape, rng = (draw(st.integers(1, 3)), draw(st.integers(1, 40))), np.random.default_rng(draw(SEEDS))
    tensors = [tensor(shape, draw(scales), draw(zero_points)), tensor(shape, 1 / 256, -128)]
    model = single_op("SOFTMAX", tensors, beta=draw(st.sampled_from([1.0, 1.0, 0.5, 2.0])))
    return model, [int8_array(rng, shape, draw(KINDS))]


@st.composite
def pad_models(draw):
    shape = (1, *(draw(st.integers(1, 4)) for _ in range(3)))
    pads = np.array([[0, 0], *([draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in range(3))], np.int32)
    scale, zero_point, rng = draw(scales), draw(zero_points), np.random.default_rng(draw(SEEDS))
    out_shape = np.array(shape) + pads.sum(axis=1)
    padding = TensorSpec((4, 2), dtype="int32", data=pads)
    tensors = [tensor(shape, scale, zero_point), padding, tensor(out_shape.tolist(), scale, zero_point)]
    return single_op("PAD", tensors), [int8_array(rng, shape, draw(KINDS))]


MODELS = {
    "CONV_2D": conv_models("CONV_2D"),
    "DEPTHWISE_CONV_2D": conv_models("DEPTHWISE_CONV_2D"),
    "FULLY_CONNECTED": fully_connected_models(),
    "AVERAGE_POOL_2D": pool_models("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pool_models("MAX_POOL_2D"),
    "ADD": add_models(),
    "SOFTMAX": softmax_models(),
    "PAD": pad_models(),
}


def oracle(model: bytes, inputs: list[np.ndarray]) -> np.ndarray:
    """What the tflite-micro interpreter answers."""
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 18)
    for i, value in enumerate(inputs):
        interpreter.set_input(value, i)
    interpreter.invoke()
    return interpreter.get_output(0)


@pytest.mark.parametrize("op", MODELS)
@settings(max_examples=150, deadline=None, print_blob=True)
@given(data=st.data())
def test_all_three_agree(op, data):
    model, inputs = data.draw(MODELS[op])
    expected = oracle(model, inputs)
    assert np.array_equal(evaluate(read(model, op), inputs)[0], expected), "numpy evaluation"
    native = library().load(compile_model(model, op).module)
    assert np.array_equal(native.run(inputs)[0], expected), "C kernel"
    assert native.selftest() == [0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_softmax_of_many_rows(seed):
    """The last steps of its approximations show in few results only."""
    rng = np.random.default_rng(seed)
    shape = (8000, int(rng.integers(2, 6)))
    tensors = [tensor(shape, rng.uniform(0.01, 0.1), 0), tensor(shape, 1 / 256, -128)]
    model, value = single_op("SOFTMAX", tensors, beta=1.0), rng.integers(-40, 41, shape).astype(np.int8)
    native = library().load(compile_model(model, "softmax").module)
    assert np.array_equal(native.run([value])[0], oracle(model, [value]))
