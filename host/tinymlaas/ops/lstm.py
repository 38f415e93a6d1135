"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 sequences and weights, a cell state of int16. Hidden and cell state are kept from run to run.

Gates are computed with 12 bits after the point, sigmoid and tanh of them with 15, from one table with interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import SCALE
from ..tflite import schema
from ..tflite.reader import Table
from . import sigmoid
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

_OPERANDS = 24
# Positions of the inputs. Gates in the order of the record: forget, input, cell, output.
_INPUT_WEIGHTS, _HIDDEN_WEIGHTS, _BIAS = (2, 1, 3, 4), (6, 5, 7, 8), (13, 12, 14, 15)
_HIDDEN, _CELL = 18, 19
_VARIANTS = {"peephole connections": (9, 10, 11), "a projection": (16, 17), "layer normalisation": (20, 21, 22, 23)}

_GATE_BITS = 12  # after the point, of what goes into sigmoid and tanh
_LOWEST_EXPONENT = -24  # of the cell state's scale
_FORGET = (1 << 30, -14)  # 2^-15: a gate's scale
_INT16 = np.iinfo(np.int16)
_U16 = 0xFFFF


@dataclass(frozen=True, slots=True)
class Lstm:
    """Attributes; ``cell_clip`` 0: none. ``time_major`` says which dimension the batch is, which is 1 here."""

    activation: str
    cell_clip: float
    time_major: bool


def _parse(options: Table) -> Lstm:
    f = schema.UnidirectionalSequenceLSTMOptions
    activation = schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION))
    return Lstm(activation, options.float32(f.CELL_CLIP), options.boolean(f.TIME_MAJOR))


# Checks


def _check(graph: Graph, op: Op) -> None:
    kept_states(graph, op, _OPERANDS, (_HIDDEN, _CELL))
    for what, positions in _VARIANTS.items():
        if any(op.inputs[i] >= 0 for i in positions):
            raise refuse(graph, op, f"has {what}", "only plain LSTM layers are supported, as Keras makes them")
    if op.inputs[_INPUT_WEIGHTS[1]] < 0:
        raise refuse(
            graph, op, "has no input gate", "only LSTM layers with four gates are supported, as Keras makes them"
        )
    if op.attrs.activation != "TANH":
        raise refuse(graph, op, f"activation {op.attrs.activation}", "only TANH is supported")
    source, result = int8_input(graph, op), int8_output(graph, op)
    if len(source.shape) != 3 or source.shape[1 if op.attrs.time_major else 0] != 1:
        raise refuse(graph, op, f"input of shape {list(source.shape)}", "supported is one sequence: a batch of 1")
    units = result.shape[-1] if result.shape else 0
    same_shape(graph, op, result.shape, (*source.shape[:2], units), "output")
    sizes = {"steps": source.shape[0] * source.shape[1], "input size": source.shape[2], "units": units}
    field_limits(graph, op, sizes, _U16)
    _check_weights(graph, op, source.shape[2], units)
    _check_states(graph, op, units)
    _check_scales(graph, op)


def _check_weights(graph: Graph, op: Op, inputs: int, units: int) -> None:
    for positions, depth, of in ((_INPUT_WEIGHTS, inputs, "input"), (_HIDDEN_WEIGHTS, units, "recurrent")):
        for position in positions:
            weights = symmetric_weights(graph, op, position, f"{of} weights", ("int8",))
            same_shape(graph, op, weights.shape, (units, depth), f"{of} weights '{weights.name}'")
    for position in _BIAS:
        bias = constant(graph, op, position, "bias", ("int32",))
        same_shape(graph, op, bias.shape, (units,), "bias")


def _check_states(graph: Graph, op: Op, units: int) -> None:
    hidden, cell = (graph.tensor(op.inputs[i]) for i in (_HIDDEN, _CELL))
    for tensor, dtype in ((hidden, "int8"), (cell, "int16")):
        if tensor.dtype != dtype:
            raise refuse(
                graph, op, f"state '{tensor.name}' is {tensor.dtype}", f"only {dtype} is supported: quantise to int8"
            )
        if tensor.size != units or tensor.quant is None or tensor.quant.per_channel or tensor.quant.scale <= 0:
            raise inconsistent(
                graph, op, f"state '{tensor.name}' of shape {list(tensor.shape)} for {units} units, or unscaled"
            )
    if not q.INT8_MIN <= quant_of(hidden).zero_point <= q.INT8_MAX:
        raise inconsistent(graph, op, f"hidden state has the zero point {quant_of(hidden).zero_point}")
    mantissa, exponent = math.frexp(quant_of(cell).scale)
    if mantissa != 0.5 or not _LOWEST_EXPONENT <= exponent - 1 <= 0 or quant_of(cell).zero_point:
        found = f"cell state has scale {quant_of(cell).scale:g}, zero point {quant_of(cell).zero_point}"
        raise refuse(graph, op, found, f"supported are powers of two from 2^{_LOWEST_EXPONENT} to 1, and 0")


def _check_scales(graph: Graph, op: Op) -> None:
    for positions in zip(_INPUT_WEIGHTS, _HIDDEN_WEIGHTS, strict=True):
        for position, real in zip(positions, _reals(graph, op, *positions), strict=True):
            multiplier(graph, op, real, f"scale ratio of '{graph.tensor(op.inputs[position]).name}'")
    multiplier(graph, op, _hidden_real(graph, op), "scale ratio of the hidden state")
    clip: float = op.attrs.cell_clip
    if not math.isfinite(clip) or clip < 0 or (clip > 0 and _clip(graph, op) == 0):
        raise inconsistent(
            graph, op, f"cell clip {clip:g} with scale {quant_of(graph.tensor(op.inputs[_CELL])).scale:g}"
        )


# Numbers


def _reals(graph: Graph, op: Op, of_input: int, of_hidden: int) -> tuple[float, float]:
    """Multipliers of a gate's two sums."""
    pairs = ((0, of_input), (_HIDDEN, of_hidden))
    a, b = (math.prod(quant_of(graph.tensor(op.inputs[i])).scale for i in pair) * (1 << _GATE_BITS) for pair in pairs)
    return a, b


def _exponent(graph: Graph, op: Op) -> int:
    """The scale of the cell state is 2 to this."""
    return math.frexp(quant_of(graph.tensor(op.inputs[_CELL])).scale)[1] - 1


def _hidden_real(graph: Graph, op: Op) -> float:
    return 2.0**-30 / quant_of(graph.tensor(op.inputs[_HIDDEN])).scale


def _clip(graph: Graph, op: Op) -> int:
    """Largest magnitude of the cell state; 0: none."""
    return int(min(op.attrs.cell_clip / quant_of(graph.tensor(op.inputs[_CELL])).scale, _INT16.max))


# Definition


def _tanh(x: Array, exponent: int) -> Array:
    """Of x at a scale of 2^exponent, result in Q0.15."""
    left = _GATE_BITS + exponent
    return sigmoid.tanh(3 * x << left if left >= 0 else (3 * x + (1 << (-left - 1))) >> -left)


def _product(a: Array, b: Array, scale: tuple[int, int]) -> Array:
    return _saturated(q.multiply_by_quantized_multiplier(a * b, *scale))


def _saturated(x: Array) -> Array:
    return q.saturate(x, _INT16.min, _INT16.max)


def _gates(graph: Graph, op: Op, x: Array, h: Array) -> list[Array]:
    """What goes into the four gates' functions, for an input row and a hidden state without zero points."""
    found = []
    for of_input, of_hidden, of_bias in zip(_INPUT_WEIGHTS, _HIDDEN_WEIGHTS, _BIAS, strict=True):
        w, r, bias = (values(graph.tensor(op.inputs[i])).astype(np.int64) for i in (of_input, of_hidden, of_bias))
        scales = [q.quantize_multiplier(real) for real in _reals(graph, op, of_input, of_hidden)]
        sums = (q.wrap32(w @ x + bias), q.wrap32(r @ h))
        a, b = (_saturated(q.multiply_by_quantized_multiplier(s, *m)) for s, m in zip(sums, scales, strict=True))
        found.append(_saturated(a + b))
    return found


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    hidden, exponent, clip = quant_of(graph.tensor(op.inputs[_HIDDEN])), _exponent(graph, op), _clip(graph, op)
    into_cell, into_hidden = (1 << 30, -29 - exponent), q.quantize_multiplier(_hidden_real(graph, op))
    h, c = (present(inputs[i]).reshape(-1).astype(np.int64) for i in (_HIDDEN, _CELL))
    rows = []
    for x in present(inputs[0]).reshape(-1, present(inputs[0]).shape[2]).astype(np.int64):
        f, i, g, o = _gates(graph, op, x - quant_of(graph.tensor(op.inputs[0])).zero_point, h - hidden.zero_point)
        remembered = _product(sigmoid.logistic(3 * f), c, _FORGET)
        c = _saturated(remembered + _product(sigmoid.logistic(3 * i), _tanh(g, -_GATE_BITS), into_cell))
        c = q.saturate(c, -clip, clip) if clip else c
        scaled = q.multiply_by_quantized_multiplier(_tanh(c, exponent) * sigmoid.logistic(3 * o), *into_hidden)
        h = q.saturate(scaled + hidden.zero_point)
        rows.append(h)
    kept = [a.astype(t.dtype).reshape(t.shape) for a, t in zip((h, c), _states(graph, op), strict=True)]
    return [np.stack(rows).astype(np.int8).reshape(output(graph, op).shape), *kept]


def _states(graph: Graph, op: Op) -> tuple[Tensor, Tensor]:
    return graph.tensor(op.inputs[_HIDDEN]), graph.tensor(op.inputs[_CELL])


# Lowering


def _lower(graph: Graph, op: Op, target: str) -> Step:
    shape, units = graph.tensor(op.inputs[0]).shape, output(graph, op).shape[2]
    mantissa, shift = q.quantize_multiplier(_hidden_real(graph, op))
    fields = {
        "steps": shape[0] * shape[1], "in_features": shape[2], "units": units, "multiplier": mantissa, "shift": shift,
        "clip": _clip(graph, op), "cell_exponent": _exponent(graph, op),
        "out_zero_point": quant_of(graph.tensor(op.inputs[_HIDDEN])).zero_point,
    }  # fmt: skip
    operands = {"input": graph.storage(op.inputs[0]), "output": graph.storage(op.outputs[0])}
    operands |= {"hidden": graph.storage(op.inputs[_HIDDEN]), "cell": graph.storage(op.inputs[_CELL])}
    return Step("LSTM", op, fields, operands, _constants(graph, op), macs=_macs(graph, op))


def _constants(graph: Graph, op: Op) -> dict[str, bytes]:
    """Weights and folded biases unit by unit, in the order in which the device reads them."""
    w, r = (np.stack([values(graph.tensor(op.inputs[i])) for i in p], 1) for p in (_INPUT_WEIGHTS, _HIDDEN_WEIGHTS))
    bias = np.stack([values(graph.tensor(op.inputs[i])) for i in _BIAS], 1).astype(np.int64)
    zeros = [quant_of(graph.tensor(op.inputs[i])).zero_point for i in (0, _HIDDEN)]
    sums = [zero * x.astype(np.int64).sum(axis=2) for zero, x in zip(zeros, (w, r), strict=True)]
    pairs = zip(_INPUT_WEIGHTS, _HIDDEN_WEIGHTS, strict=True)
    scales = [q.quantize_multiplier(real) for pair in pairs for real in _reals(graph, op, *pair)]
    return {
        "weights": np.concatenate([w, r], axis=2).tobytes(),
        "bias": q.wrap32(np.stack([bias - sums[0], -sums[1]], axis=2)).astype("<i4").tobytes(),
        "scales": b"".join(SCALE.pack({"multiplier": m, "shift": s}) for m, s in scales),
        "table": sigmoid.table().tobytes(),
    }


def _macs(graph: Graph, op: Op) -> int:
    shape, units = graph.tensor(op.inputs[0]).shape, output(graph, op).shape[2]
    return shape[0] * shape[1] * 4 * units * (shape[2] + units)


SPEC = OpSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", _parse, _check, _evaluate, _lower, _macs, states=(_HIDDEN, _CELL))
