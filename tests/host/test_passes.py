"""Each pass on a small graph made for it: what it changes, what it must leave, and that results stay the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support import oracle
from tests.support.kernels import library
from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import compile_model
from tinymlaas.errors import PlanError, UnsupportedError
from tinymlaas.evaluate import evaluate
from tinymlaas.graph import Graph
from tinymlaas.ops import OPS
from tinymlaas.passes import drop_dead, flatten_conv, fold_pad, fold_reshape, fuse_relu, join_moves
from tinymlaas.passes.pipeline import run_passes
from tinymlaas.passes.prepare import prepare
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


def test_relu_stays_behind_what_only_moves() -> None:
    ops = [OpSpec("CONCATENATION", (0, 0), (1,), {"axis": 1}), OpSpec("RELU", (1,), (2,))]
    wide = replace(ROW, shape=(1, 24))
    _equals_oracle(write_tflite([ROW, wide, wide], ops, [0], [2]), ["MOVE", "MOVE", "MAX_POOL_2D"])


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


def _ints(*values: object) -> TensorSpec:
    data = np.array(values, np.int32)
    return TensorSpec(data.shape, dtype="int32", data=data)


def _filters(shape: tuple[int, ...], axis: int = 0) -> TensorSpec:
    channels = shape[axis]
    data = np.random.default_rng(sum(shape)).integers(-128, 128, shape).astype(np.int8)
    return TensorSpec(shape, [0.01] * channels, [0] * channels, data=data, axis=axis)


def _equals_oracle(data: bytes, codes: list[str]) -> None:
    """The compiled module has these kernels, and gives what TensorFlow Lite Micro gives for the model as it is."""
    compiled = compile_model(data, "x")
    assert [s.operator for s in compiled.plan.steps] == codes
    shape = compiled.graph.tensor(compiled.graph.inputs[0]).shape
    rng = np.random.default_rng(4)
    for _ in range(5):
        x = rng.integers(-128, 128, shape).astype(np.int8)
        np.testing.assert_array_equal(library().load(compiled.module).run([x])[0], oracle.run(data, [x]))


CONV = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_pad_goes_into_the_convolution(stride: int, depthwise: bool) -> None:
    image, padded = TensorSpec((1, 7, 6, 3), 0.1, 5), TensorSpec((1, 10, 9, 3), 0.1, 5)
    out = TensorSpec((1, (10 - 3) // stride + 1, (9 - 3) // stride + 1, 3 if depthwise else 2), 1.0, -3)
    weights = _filters((1, 3, 3, 3), 3) if depthwise else _filters((2, 3, 3, 3))
    op = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    options = CONV | {"strideH": stride, "strideW": stride} | ({"depthMultiplier": 1} if depthwise else {})
    ops = [OpSpec("PAD", (0, 1), (2,)), OpSpec(op, (2, 3), (4,), options)]
    around = _ints([0, 0], [1, 2], [2, 1], [0, 0])
    _equals_oracle(write_tflite([image, around, padded, weights, out], ops, [0], [4]), [op])


@pytest.mark.parametrize("why", ["is an output", "pads more than the filter", "has another scale", "pads channels"])
def test_pad_stays_where_it(why: str) -> None:
    rows = {"pads more than the filter": [3, 0]}.get(why, [1, 1])
    channels = [0, 1] if why == "pads channels" else [0, 0]
    image = TensorSpec((1, 7, 6, 3), 0.2 if why == "has another scale" else 0.1, 5)
    padded = TensorSpec((1, 7 + sum(rows), 6, 3 + sum(channels)), 0.1, 5)
    weights, out = _filters((2, 3, 3, 3 + sum(channels))), TensorSpec((1, 5 + sum(rows), 4, 2), 1.0, -3)
    ops = [OpSpec("PAD", (0, 1), (2,)), OpSpec("CONV_2D", (2, 3, -1), (4,), CONV)]
    around = _ints([0, 0], rows, [0, 0], channels)
    outputs = [2, 4] if why == "is an output" else [4]
    graph = _graph([image, around, padded, weights, out], ops, outputs)
    assert _codes(fold_pad.run(graph, "any")) == ["PAD", "CONV_2D"]


ONE_WINDOW = {
    "alone": ((1, 2, 3, 3), (4, 2, 3, 3), (1, 1, 1, 4), CONV),
    "one pixel": ((1, 1, 1, 5), (4, 1, 1, 5), (1, 1, 1, 4), CONV | {"padding": 0}),
    "relu": ((1, 2, 3, 3), (4, 2, 3, 3), (1, 1, 1, 4), CONV | {"padding": 1, "fusedActivationFunction": 1}),
}
MORE_WINDOWS = {
    "slides": ((1, 2, 4, 3), (4, 2, 3, 3), (1, 1, 2, 4), CONV),
    "skips": ((1, 3, 3, 3), (4, 2, 2, 3), (1, 1, 1, 4), CONV | {"padding": 1, "strideH": 2, "strideW": 2}),
    "pads": ((1, 1, 1, 3), (4, 3, 3, 3), (1, 1, 1, 4), CONV | {"padding": 0}),
}


@pytest.mark.parametrize("case", [*ONE_WINDOW, *MORE_WINDOWS])
def test_a_convolution_of_one_window_is_fully_connected(case: str) -> None:
    image, filters, result, options = (ONE_WINDOW | MORE_WINDOWS)[case]
    tensors = [TensorSpec(image, 0.5, 3), _filters(filters), TensorSpec(result, 0.7, -4)]
    graph = _graph(tensors, [OpSpec("CONV_2D", (0, 1), (2,), options)], [2])
    found = flatten_conv.run(graph, "any")
    assert _codes(found) == (["FULLY_CONNECTED"] if case in ONE_WINDOW else ["CONV_2D"])
    _same_results(graph, found)


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("same", [False, True])
def test_batches_of_pixels_become_a_dilation(same: bool, depthwise: bool) -> None:
    """What TensorFlow makes of a dilated convolution; padding is 0 there, so the zero point is 0 here."""
    image, out = TensorSpec((1, 7, 8, 3), 0.1, 0), TensorSpec((1, 7, 8, 3 if depthwise else 2), 1.0, -3)
    around, crops = _ints([2, 3], [3, 4]), _ints([0, 1], [0, 1])
    if same:
        around, crops = _ints([0, 1], [0, 1]), _ints([0, 1], [0, 1])
    high, wide = (7 + (5 if not same else 1)) // 2, (8 + (7 if not same else 1)) // 3
    batches = TensorSpec((6, high, wide, 3), 0.1, 0)
    inner = (6, high - (0 if same else 2), wide - (0 if same else 2), out.shape[3])
    weights = _filters((1, 3, 3, 3), 3) if depthwise else _filters((2, 3, 3, 3))
    op = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    options = CONV | {"padding": 0 if same else 1} | ({"depthMultiplier": 1} if depthwise else {})
    tensors = [image, _ints(2, 3), around, batches, weights, replace(out, shape=inner), crops, out]
    ops = [
        OpSpec("SPACE_TO_BATCH_ND", (0, 1, 2), (3,)),
        OpSpec(op, (3, 4), (5,), options),
        OpSpec("BATCH_TO_SPACE_ND", (5, 1, 6), (7,)),
    ]
    _equals_oracle(write_tflite(tensors, ops, [0], [7]), [op])


def test_layouts_to_and_fro_come_to_nothing() -> None:
    ops = [
        OpSpec("TRANSPOSE", (0, 1), (2,)),
        OpSpec("TRANSPOSE", (2, 3), (4,)),
        OpSpec("MAX_POOL_2D", (4,), (5,), POOL),
        OpSpec("TRANSPOSE", (5, 1), (6,)),
        OpSpec("RESHAPE", (6,), (7,)),
    ]
    first, back = _ints(0, 3, 1, 2), _ints(0, 2, 3, 1)
    planes = replace(IMAGE, shape=(1, 3, 2, 2))
    data = write_tflite([IMAGE, first, planes, back, IMAGE, IMAGE, planes, ROW], ops, [0], [7])
    _equals_oracle(data, ["MAX_POOL_2D", "MOVE"])
    joined = drop_dead.run(join_moves.run(read(data, "x"), "any"), "any")
    assert _codes(joined) == ["MOVE", "MAX_POOL_2D", "TRANSPOSE", "RESHAPE"]


def test_moves_with_different_scales_stay_apart() -> None:
    other = replace(IMAGE, scale=0.25)
    ops = [OpSpec("REVERSE_V2", (0, 1), (2,)), OpSpec("REVERSE_V2", (2, 1), (3,))]
    graph = _graph([IMAGE, _ints(1), IMAGE, other], ops, [3])
    assert _codes(join_moves.run(graph, "any")) == ["REVERSE_V2", "REVERSE_V2"]


def test_shapes_that_are_computed_become_constants() -> None:
    """As converters write x.reshape(x.shape[0], -1): SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    whole, batch, shape = (TensorSpec(s, dtype="int32") for s in ((4,), (), (2,)))
    tensors = [IMAGE, whole, _ints(0), _ints(1), _ints(1), batch, _scalar(12), shape, ROW, ROW]
    ops = [
        OpSpec("SHAPE", (0,), (1,)),
        OpSpec("STRIDED_SLICE", (1, 2, 3, 4), (5,), {"shrinkAxisMask": 1}),
        OpSpec("PACK", (5, 6), (7,), {"valuesCount": 2}),
        OpSpec("RESHAPE", (0, 7), (8,)),
        OpSpec("RELU", (8,), (9,)),
    ]
    data = write_tflite(tensors, ops, [0], [9])
    graph = prepare(read(data, "x"))
    assert _codes(graph) == ["RESHAPE", "RELU"]
    assert graph.tensor(graph.ops[0].inputs[1]).data.tolist() == [1, 12]
    _equals_oracle(data, ["MAX_POOL_2D"])


def _scalar(value: int) -> TensorSpec:
    return TensorSpec((), dtype="int32", data=np.array(value, np.int32))


def test_arithmetic_on_shapes() -> None:
    tensors = [ROW, _ints(2, 3), _ints(5), TensorSpec((2,), dtype="int32"), ROW, ROW]
    ops = [OpSpec("MUL", (1, 2), (3,)), OpSpec("RESHAPE", (0, 3), (4,)), OpSpec("RELU", (4,), (5,))]
    graph = prepare(_graph(tensors, ops, [5]))
    assert graph.tensor(graph.ops[0].inputs[1]).data.tolist() == [10, 15]


def test_floats_at_the_ends() -> None:
    """The module takes and gives int8 under the names of the floats."""
    tensors = [
        TensorSpec((1, 12), dtype="float32", name="in"),
        ROW,
        replace(ROW, scale=0.25, zero_point=-7),
        TensorSpec((1, 12), dtype="float32", name="out"),
    ]
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("RELU", (1,), (2,)), OpSpec("DEQUANTIZE", (2,), (3,))]
    data = write_tflite(tensors, ops, [0], [3])
    compiled = compile_model(data, "x")
    graph = compiled.graph
    assert _codes(graph) == ["RELU"]
    assert [graph.tensor(t).name for t in (*graph.inputs, *graph.outputs)] == ["in", "out"]
    x = np.arange(-60, 60, 10).astype(np.int8).reshape(1, 12)
    found = (library().load(compiled.module).run([x])[0].astype(np.float32) + 7) * np.float32(0.25)
    expected = oracle.run(data, [((x.astype(np.float32) - 3) * np.float32(0.5))])
    np.testing.assert_array_equal(found, expected)


def test_floats_inside_are_refused() -> None:
    ops = [OpSpec("DEQUANTIZE", (0,), (1,)), OpSpec("QUANTIZE", (1,), (2,))]
    data = write_tflite([ROW, TensorSpec((1, 12), dtype="float32"), ROW], ops, [0], [2])
    with pytest.raises(UnsupportedError, match="converts int8 to float32 inside the model"):
        compile_model(data, "x")


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
