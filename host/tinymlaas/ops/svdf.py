"""SVDF: each filter reduces the input to one number, remembers the last few of them, and weighs these; a unit sums ``rank`` filters.

The state [filters, memory], newest last, is kept from run to run. It and the time weights are both int8, or both int16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import DTYPE_BYTES
from ..tflite import schema
from ..tflite.reader import Table
from .base import OpSpec
from .checks import (
    constant,
    field_limits,
    inconsistent,
    int8_input,
    int8_output,
    kept_states,
    multiplier,
    output,
    present,
    quant_of,
    refuse,
    same_shape,
    symmetric_weights,
    values,
)

_FEATURE, _TIME, _BIAS, _STATE = 1, 2, 3, 4  # positions of the inputs
_U16 = 0xFFFF
_MAX_BIAS_ERROR = 1e-5  # TFLite Micro's limit


@dataclass(frozen=True, slots=True)
class Svdf:
    """Attributes."""

    rank: int
    activation: str


def _parse(options: Table) -> Svdf:
    f = schema.SVDFOptions
    return Svdf(options.int32(f.RANK), schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION)))


def _check(graph: Graph, op: Op) -> None:
    kept_states(graph, op, 5, (_STATE,))
    source, result = int8_input(graph, op), int8_output(graph, op)
    feature = symmetric_weights(graph, op, _FEATURE, "feature weights", ("int8",))
    time = symmetric_weights(graph, op, _TIME, "time weights", ("int8", "int16"))
    if len(source.shape) != 2 or source.shape[0] != 1:
        raise refuse(graph, op, f"input of shape {list(source.shape)}", "supported is one row: a batch of 1")
    filters, memory, rank = feature.shape[0], time.shape[-1], op.attrs.rank
    if rank < 1 or filters % rank:
        raise inconsistent(graph, op, f"{filters} filters of rank {rank}")
    same_shape(graph, op, feature.shape, (filters, source.shape[1]), "feature weights")
    same_shape(graph, op, time.shape, (filters, memory), "time weights")
    same_shape(graph, op, result.shape, (1, filters // rank), "output")
    field_limits(graph, op, {"input size": source.shape[1], "filters": filters, "memory": memory}, _U16)
    _check_state(graph, op, time)
    _check_bias(graph, op)
    for real, what in zip(_reals(graph, op), ("feature", "time"), strict=True):
        multiplier(graph, op, real, f"scale ratio of the {what} weights")
    if op.attrs.activation not in ("NONE", "RELU"):
        raise refuse(graph, op, f"fused activation {op.attrs.activation}", "only NONE and RELU are supported")


def _check_state(graph: Graph, op: Op, time: Tensor) -> None:
    state = graph.tensor(op.inputs[_STATE])
    if state.dtype != time.dtype:
        raise refuse(
            graph, op, f"{time.dtype} time weights with {state.dtype} state", "both must be int8, or both int16"
        )
    if state.size != time.size or state.quant is None or state.quant.per_channel or state.quant.scale <= 0:
        raise inconsistent(
            graph, op, f"state of shape {list(state.shape)} for time weights {list(time.shape)}, or unscaled"
        )
    limits = np.iinfo(state.dtype)
    if not limits.min <= state.quant.zero_point <= limits.max:
        raise inconsistent(graph, op, f"state is {state.dtype} with zero point {state.quant.zero_point}")


def _check_bias(graph: Graph, op: Op) -> None:
    if op.inputs[_BIAS] < 0:
        return
    bias = constant(graph, op, _BIAS, "bias", ("int32",))
    same_shape(graph, op, bias.shape, output(graph, op).shape[1:], "bias")
    scale = bias.quant.scale if bias.quant else 0.0
    product = quant_of(graph.tensor(op.inputs[_STATE])).scale * quant_of(graph.tensor(op.inputs[_TIME])).scale
    if abs(scale - product) >= _MAX_BIAS_ERROR:
        raise inconsistent(graph, op, f"bias has the scale {scale:g}, state times time weights {product:g}")


def _reals(graph: Graph, op: Op) -> tuple[float, float]:
    """Multipliers into the state and into the output, in float64 as ``PrepareSvdf``."""
    source, feature, time, state = (quant_of(graph.tensor(op.inputs[i])).scale for i in (0, _FEATURE, _TIME, _STATE))
    return source * feature / state, state * time / quant_of(output(graph, op)).scale


def _bias(graph: Graph, op: Op) -> Array:
    units = output(graph, op).shape[1]
    return (
        values(graph.tensor(op.inputs[_BIAS])).astype(np.int64) if op.inputs[_BIAS] >= 0 else np.zeros(units, np.int64)
    )


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    x, feature, time, _, state = (None if a is None else a.astype(np.int64) for a in inputs)
    kept, zero_point = graph.tensor(op.inputs[_STATE]), quant_of(graph.tensor(op.inputs[_STATE])).zero_point
    (m1, s1), (m2, s2) = (q.quantize_multiplier(real) for real in _reals(graph, op))
    dots = present(feature) @ (present(x)[0] - quant_of(graph.tensor(op.inputs[0])).zero_point)
    newest = q.multiply_by_quantized_multiplier(q.wrap32(dots), m1, s1)
    rows = np.roll(present(state).reshape(present(time).shape), -1, axis=1)
    limits = np.iinfo(kept.dtype)
    saturated = q.saturate(newest, limits.min, limits.max) + zero_point
    rows[:, -1] = saturated.astype(kept.dtype)  # wraps, as TensorFlow Lite Micro 2026 does: it saturates before it adds
    sums = (present(time) * (rows - zero_point)).sum(axis=1)
    acc = _bias(graph, op) + sums.reshape(-1, op.attrs.rank).sum(axis=1)
    result = q.requantize(acc, m2, s2, quant_of(output(graph, op)).zero_point, (q.INT8_MIN, q.INT8_MAX))
    return [result.reshape(output(graph, op).shape), rows.astype(kept.dtype).reshape(kept.shape)]


def _lower(graph: Graph, op: Op, target: str) -> Step:
    feature, time = (values(graph.tensor(op.inputs[i])) for i in (_FEATURE, _TIME))
    state = graph.tensor(op.inputs[_STATE])
    (m1, s1), (m2, s2) = (q.quantize_multiplier(real) for real in _reals(graph, op))
    fields = {
        "in_features": feature.shape[1], "units": output(graph, op).shape[1], "rank": op.attrs.rank,
        "memory": time.shape[1], "state_multiplier": m1, "state_shift": s1, "multiplier": m2, "shift": s2,
        "state_zero_point": quant_of(state).zero_point, "out_zero_point": quant_of(output(graph, op)).zero_point,
        "state_item": DTYPE_BYTES[state.dtype],
    }  # fmt: skip
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    operands["state"] = graph.storage(op.inputs[_STATE])
    constants = {"weights": feature.tobytes(), "time": time.tobytes(), "bias": _folded(graph, op).tobytes()}
    return Step("SVDF", op, fields, operands, constants, macs=_macs(graph, op))


def _folded(graph: Graph, op: Op) -> Array:
    """Per filter, then per unit: the bias less zero point times weights, so that the device multiplies raw values."""
    feature, time = (values(graph.tensor(op.inputs[i])).astype(np.int64) for i in (_FEATURE, _TIME))
    source, state = (quant_of(graph.tensor(op.inputs[i])).zero_point for i in (0, _STATE))
    units = _bias(graph, op) - state * time.sum(axis=1).reshape(-1, op.attrs.rank).sum(axis=1)
    return q.wrap32(np.concatenate([-source * feature.sum(axis=1), units])).astype("<i4")


def _macs(graph: Graph, op: Op) -> int:
    return graph.tensor(op.inputs[_FEATURE]).size + graph.tensor(op.inputs[_TIME]).size


SPEC = OpSpec("SVDF", _parse, _check, _evaluate, _lower, _macs, states=(_STATE,))
