"""Each pass on a small graph made for it: what it changes, what it must leave, and that results stay the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import compile_model
from tinymlaas.errors import PlanError
from tinymlaas.evaluate import evaluate
from tinymlaas.graph import Graph
from tinymlaas.ops import OPS
from tinymlaas.passes import drop_dead, fold_reshape, fuse_relu
from tinymlaas.passes.pipeline import run_passes
from tinymlaas.passes.validate import validate
from tinymlaas.simulate import simulate
from tinymlaas.tflite.importer import read

ROW, IMAGE = TensorSpec((1, 12), 0.5, 3), TensorSpec((1, 2, 2, 3), 0.5, 3)
POOL = {"padding": 1, "strideH": 1, "strideW": 1, "filterHeight": 1, "filterWidth": 1}


def _weights(units: int) -> TensorSpec:
    data = np.random.default_rng(units).integers(-128, 128, (units, 12)).astype(np.int8)
    return TensorSpec((units, 12), 0.02, 0, data=data)


def _graph(tensors: list[TensorSpec], ops: list[OpSpec], outputs: list[int]) -> Graph:
    return read(write_tflite(tensors, ops, [0], outputs), "x")


def _codes(graph: Graph) -> list[str]:
    return [op.code for op in graph.ops]


def _same_results(before: Graph, after: Graph) -> None:
    """Values, names, shapes and quantisation of the model's inputs and outputs."""
    for a, b in zip((*before.inputs, *before.outputs), (*after.inputs, *after.outputs), strict=True):
        s, t = before.tensor(a), after.tensor(b)
        assert (s.name, s.shape, s.dtype, s.quant, t.storage) == (t.name, t.shape, t.dtype, t.quant, -1)
    rng = np.random.default_rng(3)
    for _ in range(5):
        x = [rng.integers(-128, 128, before.tensor(before.inputs[0]).shape).astype(np.int8)]
        for a, b in zip(evaluate(before, x), evaluate(after, x), strict=True):
            np.testing.assert_array_equal(a, b)


def test_reshape_between_layers_becomes_a_view() -> None:
    ops = [OpSpec("MAX_POOL_2D", (0,), (1,), POOL), OpSpec("RESHAPE", (1,), (2,)), OpSpec("RELU", (2,), (3,))]
    graph = _graph([IMAGE, IMAGE, ROW, ROW], ops, [3])
    folded = fold_reshape.run(graph, "any")
    assert _codes(folded) == ["MAX_POOL_2D", "RELU"]
    assert (folded.tensor(2).storage, folded.tensor(2).shape) == (1, (1, 12))
    _same_results(graph, folded)


def test_reshape_of_the_input() -> None:
    ops = [OpSpec("RESHAPE", (0,), (1,)), OpSpec("MAX_POOL_2D", (1,), (2,), POOL)]
    graph = _graph([ROW, IMAGE, IMAGE], ops, [2])
    folded = fold_reshape.run(graph, "any")
    assert _codes(folded) == ["MAX_POOL_2D"]
    assert folded.tensor(1).storage == 0
    _same_results(graph, folded)


def test_reshape_into_the_output() -> None:
    ops = [OpSpec("MAX_POOL_2D", (0,), (1,), POOL), OpSpec("RESHAPE", (1,), (2,))]
    graph = _graph([IMAGE, IMAGE, ROW], ops, [2])
    folded = fold_reshape.run(graph, "any")
    assert _codes(folded) == ["MAX_POOL_2D"]
    assert folded.tensor(1).storage == 2
    _same_results(graph, folded)


def test_chain_of_reshapes() -> None:
    column = replace(ROW, shape=(12, 1))
    ops = [OpSpec("RESHAPE", (i,), (i + 1,)) for i in range(3)] + [
        OpSpec("RELU", (3,), (4,)),
        OpSpec("RESHAPE", (4,), (5,)),
    ]
    graph = _graph([ROW, IMAGE, column, ROW, ROW, IMAGE], ops, [5])
    folded = fold_reshape.run(graph, "any")
    assert _codes(folded) == ["RELU"]
    _same_results(graph, run_passes(graph, "any"))


@pytest.mark.parametrize("outputs", [[1], [1, 2]], ids=["input to output", "both are outputs"])
def test_reshape_that_has_to_copy(outputs: list[int]) -> None:
    ops = (
        [OpSpec("RESHAPE", (0,), (1,))]
        if outputs == [1]
        else [OpSpec("RELU", (0,), (1,)), OpSpec("RESHAPE", (1,), (2,))]
    )
    graph = _graph([ROW, IMAGE] if outputs == [1] else [ROW, ROW, IMAGE], ops, outputs)
    folded = fold_reshape.run(graph, "any")
    assert _codes(folded)[-1] == "RESHAPE"
    assert OPS["RESHAPE"].lower(folded, folded.ops[-1], "any").operator == "COPY"
    _same_results(graph, folded)


def test_reshape_that_changes_the_scale_stays() -> None:
    ops = [OpSpec("RELU", (0,), (1,)), OpSpec("RESHAPE", (1,), (2,)), OpSpec("RELU", (2,), (3,))]
    other = replace(IMAGE, scale=0.25)
    graph = _graph([ROW, ROW, other, other], ops, [3])
    assert _codes(fold_reshape.run(graph, "any")) == ["RELU", "RESHAPE", "RELU"]


@pytest.mark.parametrize("relu", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_relu_is_fused(relu: str) -> None:
    graph = _graph(
        [ROW, _weights(12), ROW, ROW], [OpSpec("FULLY_CONNECTED", (0, 1, -1), (2,)), OpSpec(relu, (2,), (3,))], [3]
    )
    fused = fuse_relu.run(graph, "any")
    assert _codes(fused) == ["FULLY_CONNECTED"]
    assert fused.ops[0].attrs.activation == relu
    _same_results(graph, fused)


@pytest.mark.parametrize("why", ["is an output", "has another reader", "is clamped already", "other scale"])
def test_relu_stays_where_its_input(why: str) -> None:
    tensors = [ROW, _weights(12), ROW, ROW, ROW]
    options = {"fusedActivationFunction": 3} if why == "is clamped already" else {}
    ops = [OpSpec("FULLY_CONNECTED", (0, 1, -1), (2,), options), OpSpec("RELU", (2,), (3,))]
    if why == "has another reader":
        ops.append(OpSpec("RELU6", (2,), (4,)))
    if why == "other scale":
        tensors[3] = replace(ROW, scale=0.25)
    outputs = {"is an output": [2, 3], "has another reader": [3, 4]}.get(why, [3])
    graph = _graph(tensors, ops, outputs)
    assert "RELU" in _codes(fuse_relu.run(graph, "any"))


def test_relu_alone_compiles() -> None:
    data = write_tflite([IMAGE, IMAGE], [OpSpec("RELU6", (0,), (1,))], [0], [1])
    compiled = compile_model(data, "x")
    assert [s.operator for s in compiled.plan.steps] == ["MAX_POOL_2D"]
    x = np.arange(-60, 60, 10).astype(np.int8).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(simulate(compiled.graph, compiled.plan, [x])[0], np.clip(x, 3, 15))


def test_dead_layers_and_tensors_go() -> None:
    ops = [OpSpec("RELU", (0,), (1,)), OpSpec("FULLY_CONNECTED", (1, 2, -1), (3,)), OpSpec("RELU6", (1,), (4,))]
    graph = _graph([ROW, ROW, _weights(5), TensorSpec((1, 5), 9.0), ROW], ops, [4])
    live = drop_dead.run(graph, "any")
    assert _codes(live) == ["RELU", "RELU6"]
    assert [op.index for op in live.ops] == [0, 2]
    assert [t.name for t in live.tensors] == ["t0", "t1", "t4"]
    _same_results(graph, live)


def test_all_passes_through_the_planner() -> None:
    """Views, fused and dead layers at once, down to the bytes of the arena."""
    tensors = [ROW, IMAGE, IMAGE, ROW, _weights(12), ROW, ROW, IMAGE, ROW]
    ops = [
        OpSpec("RESHAPE", (0,), (1,)),
        OpSpec("MAX_POOL_2D", (1,), (2,), POOL),
        OpSpec("RESHAPE", (2,), (3,)),
        OpSpec("FULLY_CONNECTED", (3, 4, -1), (5,)),
        OpSpec("RELU", (5,), (6,)),
        OpSpec("RELU6", (3,), (8,)),
        OpSpec("RESHAPE", (6,), (7,)),
    ]
    data = write_tflite(tensors, ops, [0], [7])
    source, compiled = read(data, "x"), compile_model(data, "x")
    assert [s.operator for s in compiled.plan.steps] == ["MAX_POOL_2D", "FULLY_CONNECTED"]
    _same_results(source, compiled.graph)
    x = np.arange(12).astype(np.int8).reshape(1, 12)
    np.testing.assert_array_equal(simulate(compiled.graph, compiled.plan, [x])[0], evaluate(source, [x])[0])


def test_a_faulty_pass_is_caught() -> None:
    graph = _graph([ROW, ROW, ROW], [OpSpec("RELU", (0,), (1,)), OpSpec("RELU6", (1,), (2,))], [2])
    with pytest.raises(PlanError, match=r"inconsistent after .*layer 1 reads tensor 1 before it is written"):
        run_passes(graph, "any", [lambda g, target: g.with_ops(reversed(g.ops))])
    loop = replace(graph, tensors=(graph.tensor(0), replace(graph.tensor(1), storage=1), graph.tensor(2)))
    with pytest.raises(PlanError, match="view of itself"):
        validate(loop, "now")
    small = replace(graph.tensor(1), shape=(1, 5), storage=0)
    with pytest.raises(PlanError, match="differs in size or type"):
        validate(replace(graph, tensors=(graph.tensor(0), small, graph.tensor(2))), "now")
