"""What operators with weights share: checks, multipliers per output channel, the module's ``channel`` stream."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op, Quant, Tensor
from ..planfmt import CHANNEL
from .checks import (
    activation_input,
    activation_output,
    constant,
    inconsistent,
    is_wide,
    multiplier,
    operand_count,
    output,
    quant_of,
    refuse,
    values,
)

WEIGHTS, BIAS = 1, 2  # positions of the inputs
# Of sums of 64 bits: MultiplyByQuantizedMultiplier takes shifts of up to 7, and sums below 2^47.
_MOST_SHIFT_WIDE, _MOST_BIAS = 7, 1 << 46


def check_operands(graph: Graph, op: Op, axis: int) -> Tensor:
    """Check input, output, weights and bias with output channels along ``axis`` of the weights; returns the weights."""
    operand_count(graph, op, 2, 3)
    activation_output(graph, op, activation_input(graph, op).dtype)
    weights = constant(graph, op, WEIGHTS, "weights", ("int8",))
    if weights.quant is None or 0.0 in weights.quant.scales:
        raise inconsistent(graph, op, f"weights '{weights.name}' have no scale")
    if weights.size == 0:
        raise inconsistent(graph, op, f"weights '{weights.name}' have the shape {list(weights.shape)}")
    if weights.quant.per_channel:
        _check_axis(graph, op, weights, weights.quant, axis)
    return weights


def _check_axis(graph: Graph, op: Op, weights: Tensor, quant: Quant, axis: int) -> None:
    if quant.axis != axis:
        raise refuse(
            graph, op, f"weights have scales along axis {quant.axis}", f"supported is axis {axis}: output channels"
        )
    if axis >= len(weights.shape) or weights.shape[axis] != len(quant.scales):
        raise inconsistent(
            graph, op, f"weights of shape {list(weights.shape)} have {len(quant.scales)} scales along axis {axis}"
        )


def check_symmetric(graph: Graph, op: Op, weights: Tensor) -> None:
    """Check that the weights' zero points are 0, as TFLite's specification demands."""
    if any(quant_of(weights).zero_points):
        raise refuse(
            graph, op, f"weights '{weights.name}' have a zero point other than 0", "quantise weights symmetrically"
        )


def check_bias(graph: Graph, op: Op, channels: int, wide: tuple[str, ...] = ("int64",)) -> None:
    """Check the bias, when there is one; ``wide``: its types where activations are int16."""
    if len(op.inputs) > BIAS and op.inputs[BIAS] >= 0:
        bias = constant(graph, op, BIAS, "bias", wide if is_wide(graph, op) else ("int32",))
        if bias.size != channels:
            raise inconsistent(graph, op, f"bias '{bias.name}' has {bias.size} entries for {channels} output channels")
        most = max(abs(int(limit)) for limit in (values(bias).min(), values(bias).max()))
        if most > _MOST_BIAS:
            raise inconsistent(graph, op, f"bias '{bias.name}' has an entry of magnitude {most}, more than 2^46")


def check_multipliers(graph: Graph, op: Op, reals: Iterable[float]) -> None:
    """Check that every multiplier can be held by the stream of channels."""
    most = _MOST_SHIFT_WIDE if sums_64_bits(graph, op) else 30
    for channel, real in enumerate(reals):
        multiplier(graph, op, real, f"scale ratio of channel {channel}", most)


def sums_64_bits(graph: Graph, op: Op) -> bool:
    """Whether TFLite Micro adds up in 64 bits: where activations are int16, unless the bias is int32."""
    bias = op.inputs[BIAS] if len(op.inputs) > BIAS else -1
    return is_wide(graph, op) and (bias < 0 or graph.tensor(bias).dtype != "int32")


def bias_of(graph: Graph, op: Op, channels: int) -> Array:
    """The bias as int64 [channels]; zeros when there is none."""
    index = op.inputs[BIAS] if len(op.inputs) > BIAS else -1
    return values(graph.tensor(index)).reshape(-1).astype(np.int64) if index >= 0 else np.zeros(channels, np.int64)


def per_channel_reals(graph: Graph, op: Op, channels: int) -> list[float]:
    """in * weight / out for each channel, in float64 as ``PopulateConvolutionQuantizationParams`` computes it."""
    in_scale = quant_of(graph.tensor(op.inputs[0])).scale
    out_scale = quant_of(output(graph, op)).scale
    scales = quant_of(graph.tensor(op.inputs[WEIGHTS])).scales
    return [in_scale * s / out_scale for s in (scales if len(scales) > 1 else scales * channels)]


def multipliers(reals: Iterable[float]) -> tuple[Array, Array]:
    """Q31 mantissas and exponents, int64 [channels] each."""
    pairs = [q.quantize_multiplier(real) for real in reals]
    return np.array([m for m, _ in pairs], np.int64), np.array([s for _, s in pairs], np.int64)


def results(graph: Graph, op: Op, acc: Array, reals: Iterable[float], limits: tuple[int, int]) -> Array:
    """The output of sums [..., channels], which include the bias."""
    m, s = multipliers(reals)
    result = output(graph, op)
    if sums_64_bits(graph, op):
        return q.requantize_wide(acc, m, s, limits).reshape(result.shape)
    return q.requantize(acc, m, s, quant_of(result).zero_point, limits, result.dtype).reshape(result.shape)


def channel_stream(graph: Graph, op: Op, weights: Array, reals: list[float]) -> bytes:
    """One ``planfmt.CHANNEL`` per output channel; ``weights``: [channels, weights of a channel].

    The input's zero point is folded into the bias: sum(w * (x - z)) + b = sum(w * x) + (b - z * sum(w)), all mod 2^32.
    """
    zero_point = quant_of(graph.tensor(op.inputs[0])).zero_point
    folded = q.wrap32(bias_of(graph, op, len(reals)) - zero_point * weights.astype(np.int64).sum(axis=1))
    pairs = (q.quantize_multiplier(real) for real in reals)
    return b"".join(
        CHANNEL.pack({"bias": int(b), "multiplier": m, "shift": s}) for b, (m, s) in zip(folded, pairs, strict=True)
    )


def range_fields(graph: Graph, op: Op, limits: tuple[int, int]) -> dict[str, int]:
    """Zero points and activation limits for a record."""
    return {
        "in_zero_point": quant_of(graph.tensor(op.inputs[0])).zero_point,
        "out_zero_point": quant_of(output(graph, op)).zero_point,
        "act_min": limits[0],
        "act_max": limits[1],
    }


def exact_matmul(a: Array, b: Array) -> Array:
    """a @ b in int64 through float64, which BLAS is fast at.

    Exact: products of an int8 and an int16, or a difference of two int8, are up to 2^22, so 2^31 of them stay below 2^53.
    """
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
