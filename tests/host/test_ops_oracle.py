"""On random models TensorFlow Lite Micro, the numpy definition of every operator and the compiled module in C agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import drawing, models, oracle
from tests.support.kernels import library
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.evaluate import evaluate
from tinymlaas.ops import OPS
from tinymlaas.passes.prepare import prepare
from tinymlaas.simulate import simulate
from tinymlaas.tflite.importer import read

_SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

VARIABLES = {"CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}


@pytest.mark.parametrize("op", models.SINGLE_OPS)
def test_equals_oracle(op: str) -> None:
    @_SETTINGS
    @given(models.SINGLE_OPS[op], st.integers(0, 2**32 - 1))
    def check(model: bytes, seed: int) -> None:
        graph = prepare(read(model, op))
        tensors = [graph.tensor(t) for t in graph.inputs]
        inputs = [drawing.values(t.shape, seed + i, t.dtype) for i, t in enumerate(tensors)]
        for layer in graph.ops:
            OPS[layer.code].check(graph, layer)
        expected = oracle.run_all(model, inputs, len(graph.outputs))
        compiled = compile_model(model, op)
        for found in (
            evaluate(graph, inputs),
            simulate(compiled.graph, compiled.plan, inputs),
            library().load(compiled.module).run(inputs),
        ):
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)

    check()


@pytest.mark.parametrize("op", ["FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"])
def test_multiplier_is_exact(op: str) -> None:
    """Biases at which the last bits of the multiplier decide: products of scales are taken in float64, not float32."""
    rng = np.random.default_rng(5)
    in_scale, weight_scale = (float(np.float32(s)) for s in rng.uniform(0.5, 1, 2))
    out_scale = float(np.float32(2.0**23.5))
    ties = ((np.arange(60, 127) + 0.5) * out_scale / (in_scale * weight_scale)).astype(np.int64)
    bias = (ties[:, None] + np.arange(-20, 20)).reshape(-1)
    bias = bias[bias < 2**31].astype(np.int32)
    model = _bias_only(op, bias, (in_scale, weight_scale, out_scale))
    graph = read(model, op)
    zero = np.zeros(graph.tensor(graph.inputs[0]).shape, np.int8)
    np.testing.assert_array_equal(evaluate(graph, [zero])[0], oracle.run(model, [zero]))


def _bias_only(op: str, bias: np.ndarray, scales: tuple[float, float, float]) -> bytes:
    n, flat = len(bias), op == "FULLY_CONNECTED"
    weights = {"FULLY_CONNECTED": (n, 1), "CONV_2D": (n, 1, 1, 1), "DEPTHWISE_CONV_2D": (1, 1, 1, n)}[op]
    tensors = [
        TensorSpec((1, 1) if flat else (1, 1, 1, 1), scales[0]),
        TensorSpec(weights, scales[1], data=np.zeros(weights, np.int8)),
        TensorSpec((n,), float(np.float32(scales[0] * scales[1])), dtype="int32", data=bias),
        TensorSpec((1, n) if flat else (1, 1, 1, n), scales[2]),
    ]
    window = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    return single_op(op, tensors, **({} if flat else window), **({"depthMultiplier": n} if "DEPTH" in op else {}))


@pytest.mark.parametrize("depth", [255, 256, 257, 511, 512, 2000])
@pytest.mark.parametrize("weight", [-128, 127])
def test_sums_of_int16_have_room(depth: int, weight: int) -> None:
    """The kernel adds up 256 products at a time in 32 bits."""
    wide = [TensorSpec((1, n), scale, 0, "int16") for n, scale in ((depth, 1.0), (1, depth * 200.0))]
    weights = TensorSpec((1, depth), 1.0, 0, data=np.full((1, depth), weight, np.int8))
    model = single_op("FULLY_CONNECTED", [wide[0], weights, wide[1]])
    compiled = compile_model(model, "room")
    for value in (-32768, 32767):
        inputs = [np.full((1, depth), value, np.int16)]
        expected = oracle.run(model, inputs)
        assert abs(int(expected.item())) > 20000
        for found in (evaluate(compiled.graph, inputs), library().load(compiled.module).run(inputs)):
            np.testing.assert_array_equal(found[0], expected)


def test_division_by_zero_goes_to_the_limits() -> None:
    """TensorFlow Lite Micro leaves it open; here it is the same on every device."""
    model = single_op("DIV", [TensorSpec((4,), 0.1, 5), TensorSpec((4,), 0.1, 7), TensorSpec((4,), 0.1, 9)])
    inputs = [np.array([-128, 4, 5, 127], np.int8), np.full(4, 7, np.int8)]
    compiled = compile_model(model, "zero")
    for found in (evaluate(compiled.graph, inputs), library().load(compiled.module).run(inputs)):
        assert found[0].tolist() == [-128, -128, 9, 127]


def test_table_is_covered() -> None:
    """RELU_N1_TO_1 is not in TensorFlow Lite Micro, MOVE in no file; SHAPE and DEQUANTIZE are always folded, variables become states."""
    tested = {name.split()[0] for name in models.SINGLE_OPS}
    assert set(OPS) - tested == {"RELU_N1_TO_1", "MOVE", "SHAPE", "DEQUANTIZE", *VARIABLES}
