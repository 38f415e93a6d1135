"""FULLY_CONNECTED: weights [out_features, in_features]; the input's leading dimensions count as rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..tflite import schema
from ..tflite.reader import Table
from . import conv_int16, scratch, weighted
from .base import OpSpec
from .checks import activation_limits, field_limits, inconsistent, is_wide, output, present, quant_of, refuse, values

_MOST_WIDE = (1 << 16) - 1  # of rows and features of int16: what CONV_INT16 can say
_MAX_BIAS_ERROR = 0.02  # of an output step: TFLite's limit in GetQuantizedConvolutionMultipler


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """Attributes; ``keep_num_dims`` shows in the output's shape and changes nothing else."""

    activation: str
    weights_format: str
    keep_num_dims: bool


def _parse(options: Table) -> FullyConnected:
    f = schema.FullyConnectedOptions
    return FullyConnected(
        schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION)),
        schema.name_of(schema.WEIGHTS_FORMATS, options.int8(f.WEIGHTS_FORMAT)),
        options.boolean(f.KEEP_NUM_DIMS),
    )


def _check(graph: Graph, op: Op) -> None:
    if op.attrs.weights_format != "DEFAULT":
        raise refuse(
            graph, op, f"weights in the packed format {op.attrs.weights_format}", "convert the model without packing"
        )
    weights = weighted.check_operands(graph, op, axis=0)
    _check_zero_point(graph, op, weights)
    if len(weights.shape) != 2:
        raise inconsistent(graph, op, f"weights of shape {list(weights.shape)}")
    out_features, in_features = weights.shape
    image, result = graph.tensor(op.inputs[0]), output(graph, op)
    rows = image.size // in_features
    if rows * in_features != image.size or rows * out_features != result.size or result.shape[-1:] != (out_features,):
        shapes = f"input {list(image.shape)}, weights {list(weights.shape)}, output {list(result.shape)}"
        raise inconsistent(graph, op, f"shapes do not fit together: {shapes}")
    if is_wide(graph, op):
        field_limits(graph, op, {"rows": rows, "in_features": in_features, "out_features": out_features}, _MOST_WIDE)
    weighted.check_bias(graph, op, out_features, ("int32", "int64"))
    _check_bias_scale(graph, op, weights)
    weighted.check_multipliers(graph, op, _reals(graph, op))
    activation_limits(graph, op, op.attrs.activation)


def _check_zero_point(graph: Graph, op: Op, weights: Tensor) -> None:
    """TFLite Micro subtracts a per-tensor zero point from the weights; done here as long as they stay int8."""
    if quant_of(weights).per_channel:
        weighted.check_symmetric(graph, op, weights)
    centred = values(weights).astype(np.int64) - quant_of(weights).zero_point
    if centred.min() < q.INT8_MIN or centred.max() > q.INT8_MAX:
        span = f"{centred.min()} to {centred.max()}"
        raise refuse(
            graph, op, f"weights less their zero point span {span}, more than int8", "quantise weights symmetrically"
        )


def _check_bias_scale(graph: Graph, op: Op, weights: Tensor) -> None:
    """A per-tensor bias must have the scale of the products, or adding it is meaningless; TFLite checks the same."""
    if quant_of(weights).per_channel or len(op.inputs) <= weighted.BIAS or op.inputs[weighted.BIAS] < 0:
        return
    bias = graph.tensor(op.inputs[weighted.BIAS])
    scale = bias.quant.scale if bias.quant else 0.0
    product = quant_of(graph.tensor(op.inputs[0])).scale * quant_of(weights).scale
    if abs(product - scale) > _MAX_BIAS_ERROR * quant_of(output(graph, op)).scale:
        raise inconsistent(graph, op, f"bias has the scale {scale:g}, input times weights {product:g}")


def _centred(tensor: Tensor) -> Array:
    return (values(tensor).astype(np.int64) - quant_of(tensor).zero_point).astype(np.int8)


def _reals(graph: Graph, op: Op) -> list[float]:
    return weighted.per_channel_reals(graph, op, graph.tensor(op.inputs[weighted.WEIGHTS]).shape[0])


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    image = present(inputs[0])
    weights = graph.tensor(op.inputs[weighted.WEIGHTS])
    out_features, in_features = weights.shape
    rows = image.reshape(-1, in_features).astype(np.int64) - quant_of(graph.tensor(op.inputs[0])).zero_point
    acc = weighted.exact_matmul(rows, _centred(weights).T) + weighted.bias_of(graph, op, out_features)
    return [weighted.results(graph, op, acc, _reals(graph, op), activation_limits(graph, op, op.attrs.activation))]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    weights = _centred(graph.tensor(op.inputs[weighted.WEIGHTS]))
    out_features, in_features = weights.shape
    rows = graph.tensor(op.inputs[0]).size // in_features
    limits = activation_limits(graph, op, op.attrs.activation)
    if is_wide(graph, op):
        window = conv_int16.rows(rows, in_features, out_features)
        return conv_int16.lower(graph, op, window, weights, limits, _reals(graph, op), _macs(graph, op))
    sizes = {"rows": rows, "in_features": in_features, "out_features": out_features}
    return Step(
        "FULLY_CONNECTED",
        op,
        sizes | weighted.range_fields(graph, op, limits),
        {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])},
        {"weights": weights.tobytes(), "channels": weighted.channel_stream(graph, op, weights, _reals(graph, op))},
        scratch.fully_connected(in_features, target),
        _macs(graph, op),
    )


def _macs(graph: Graph, op: Op) -> int:
    weights = graph.tensor(op.inputs[weighted.WEIGHTS])
    return graph.tensor(op.inputs[0]).size * weights.shape[0]


SPEC = OpSpec("FULLY_CONNECTED", _parse, _check, _evaluate, _lower, _macs)
