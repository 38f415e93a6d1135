"""The seven real models: every layer and every golden vector, byte for byte, with and without passes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.support import golden
from tinymlaas.errors import UsageError
from tinymlaas.evaluate import evaluate, layer_outputs
from tinymlaas.graph import Graph
from tinymlaas.ops import OPS
from tinymlaas.passes.pipeline import PASSES, run_passes
from tinymlaas.tflite.importer import read

MACS = {
    "ad01_int8": 264_192,
    "kws_ref_model": 2_656_768,
    "pretrainedResnet_quant": 12_501_632,
    "vww_96_int8": 7_489_664,
    "person_detect": 7_157_888,
    "hello_world_int8": 288,
    "micro_speech_quantized": 336_000,
}


@cache
def _graph(name: str) -> Graph:
    golden.require()
    return read(golden.model(name), name)


def _layers(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(golden.FOLDER / "golden" / "layers" / f"{name}.npz"))


@pytest.mark.parametrize("name", golden.SEVEN)
def test_golden_vectors(name: str) -> None:
    graph = _graph(name)
    vectors = golden.vectors(name)
    for number, (value, expected) in enumerate(zip(vectors.inputs, vectors.outputs, strict=True)):
        np.testing.assert_array_equal(evaluate(graph, [value])[0], expected, f"vector {number}")


@pytest.mark.parametrize("name", golden.SEVEN)
@pytest.mark.parametrize("passes", [(), PASSES], ids=["as imported", "all passes"])
def test_every_layer(name: str, passes: tuple) -> None:
    graph, layers = run_passes(_graph(name), "any", passes), _layers(name)
    expected = {int(key[2:5]): value for key, value in layers.items() if key.startswith("op")}
    seen = layer_outputs(graph, [layers["input"]])
    assert len(seen) == len(graph.ops) > 0
    for op, value in seen:
        np.testing.assert_array_equal(value.reshape(-1), expected[op.index].reshape(-1), op.name)


@pytest.mark.parametrize("name", golden.SEVEN)
def test_macs(name: str) -> None:
    graph = _graph(name)
    assert sum(OPS[op.code].macs(graph, op) for op in graph.ops) == MACS[name]


def test_refuses_other_inputs() -> None:
    graph = _graph("hello_world_int8")
    with pytest.raises(
        UsageError, match=r"input 'serving_default_dense_input:0' is int8 \[1, 1\], given was int8 \[1, 2\]"
    ):
        evaluate(graph, [np.zeros((1, 2), np.int8)])
    with pytest.raises(UsageError, match="given was uint8"):
        evaluate(graph, [np.zeros((1, 1), np.uint8)])
    with pytest.raises(UsageError, match="0 inputs given, the model has 1"):
        evaluate(graph, [])
