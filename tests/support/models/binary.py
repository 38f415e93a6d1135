"""Functions of two operands that broadcast, and of three."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import (
    Draw,
    activations,
    broadcast_shapes,
    exponent_of,
    image_shape,
    quant_of,
    scale_of,
    seeds,
    uniform,
    values,
    zero_point_of,
)
from tests.support.tflite_writer import TensorSpec, single_op


@st.composite
def add(draw: Draw) -> bytes:
    """ADD of one shape; the scales may be far apart."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(seeds))
    first = exponent_of(rng)
    exponents = (first, first + uniform(rng, -3, 3), first + uniform(rng, -1, 3))
    tensors = [TensorSpec(shape, scale_of(e), zero_point_of(rng)) for e in exponents]
    return single_op("ADD", tensors, fusedActivationFunction=draw(activations))


def _operands(
    draw: Draw, rng: np.random.Generator, quants: list[tuple[float, int]], constant: bool = True
) -> list[TensorSpec]:
    """Two operands that broadcast, one of them now and then a constant, and the output; quants: of all three."""
    shapes = broadcast_shapes(draw)
    which = draw(st.sampled_from([None, None, 0, 1])) if constant else None
    data = [values(s, int(rng.integers(2**32))) if i == which else None for i, s in enumerate(shapes)]
    return [TensorSpec(s, *quant, data=d) for s, quant, d in zip(shapes, quants, data, strict=True)]


@st.composite
def binary(draw: Draw, op: str) -> bytes:
    """ADD or SUB with broadcasting and constants; the scales may be far apart."""
    rng = np.random.default_rng(draw(seeds))
    first = exponent_of(rng)
    exponents = (first, first + uniform(rng, -3, 3), first + uniform(rng, -1, 3))
    tensors = _operands(draw, rng, [(scale_of(e), zero_point_of(rng)) for e in exponents])
    return single_op(op, tensors, fusedActivationFunction=draw(activations))


@st.composite
def mul(draw: Draw) -> bytes:
    """MUL; mostly results that use the range."""
    rng = np.random.default_rng(draw(seeds))
    a, b = exponent_of(rng), exponent_of(rng)
    exponents = (a, b, a + b + uniform(rng, 2, 9))
    tensors = _operands(draw, rng, [(scale_of(e), zero_point_of(rng)) for e in exponents])
    return single_op("MUL", tensors, fusedActivationFunction=draw(activations))


@st.composite
def extreme(draw: Draw, op: str) -> bytes:
    """MINIMUM or MAXIMUM, all operands quantised alike."""
    rng = np.random.default_rng(draw(seeds))
    return single_op(op, _operands(draw, rng, [quant_of(rng)] * 3))


@st.composite
def squared_difference(draw: Draw) -> bytes:
    """SQUARED_DIFFERENCE; mostly results that use the range."""
    rng = np.random.default_rng(draw(seeds))
    a = exponent_of(rng)
    exponents = (a, a + uniform(rng, -2, 2), 2 * a + uniform(rng, 2, 9))
    return single_op("SQUARED_DIFFERENCE", _operands(draw, rng, [(scale_of(e), zero_point_of(rng)) for e in exponents]))


@st.composite
def prelu(draw: Draw) -> bytes:
    """PRELU with constant slopes for each channel, or all of the same."""
    rng = np.random.default_rng(draw(seeds))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    alpha = draw(st.sampled_from([(1,) * (len(shape) - 1) + shape[-1:], shape[-1:], (1,)]))
    first = exponent_of(rng)
    tensors = [
        TensorSpec(shape, scale_of(first), zero_point_of(rng)),
        TensorSpec(alpha, scale_of(uniform(rng, -9, -5)), zero_point_of(rng), data=values(alpha, draw(seeds))),
        TensorSpec(shape, scale_of(first + uniform(rng, -1, 2)), zero_point_of(rng)),
    ]
    return single_op("PRELU", tensors)


@st.composite
def div(draw: Draw) -> bytes:
    """DIV by constants without zeros; ratios of scales at which TensorFlow Lite Micro's last shift stays below 32 bits."""
    rng = np.random.default_rng(draw(seeds))
    a, b = exponent_of(rng), exponent_of(rng)
    exponents = (a, b, a - b - uniform(rng, 6, 9))
    quants = [(scale_of(e), zero_point_of(rng)) for e in exponents]
    first, second, result = _operands(draw, rng, quants, constant=False)
    divisor = values(second.shape, draw(seeds))
    divisor[divisor == quants[1][1]] += 1 if quants[1][1] < 127 else -1
    return single_op("DIV", [first, replace(second, data=divisor), result], fusedActivationFunction=draw(activations))


@st.composite
def comparison(draw: Draw, op: str) -> bytes:
    """Comparisons of operands whose scales are near or far, or of booleans."""
    rng = np.random.default_rng(draw(seeds))
    if op in ("EQUAL", "NOT_EQUAL") and draw(st.integers(0, 3)) == 0:
        return single_op(
            op, [replace(t, scale=None, dtype="bool") for t in _operands(draw, rng, [(1.0, 0)] * 3, False)]
        )
    first = uniform(rng, -8, -2)
    second = first + (0 if draw(st.booleans()) else uniform(rng, -1, 1))
    *operands, result = _operands(
        draw, rng, [(scale_of(first), zero_point_of(rng)), (scale_of(second), zero_point_of(rng)), (1.0, 0)]
    )
    return single_op(op, [*operands, TensorSpec(result.shape, dtype="bool")])


@st.composite
def logical(draw: Draw, op: str) -> bytes:
    """LOGICAL_AND and LOGICAL_OR with broadcasting, LOGICAL_NOT."""
    shapes = broadcast_shapes(draw)
    shapes = shapes[2:] * 2 if op == "LOGICAL_NOT" else shapes
    return single_op(op, [TensorSpec(s, dtype="bool") for s in shapes])


@st.composite
def select_v2(draw: Draw) -> bytes:
    """SELECT_V2 whose condition and operands broadcast against each other."""
    whole = image_shape(draw, draw(st.integers(1, 4)), 4)
    shapes = [
        tuple(1 if draw(st.integers(0, 2)) == 0 else n for n in whole)[draw(st.integers(0, len(whole) - 1)) :]
        for _ in range(3)
    ]
    quant = quant_of(np.random.default_rng(draw(seeds)))
    constant = draw(st.sampled_from([None, None, 1, 2]))
    data = [values(s, draw(seeds)) if i == constant else None for i, s in enumerate(shapes)]
    operands = [TensorSpec(s, *quant, data=d) for s, d in zip(shapes[1:], data[1:], strict=True)]
    result = TensorSpec(np.broadcast_shapes(*shapes), *quant)
    return single_op("SELECT_V2", [TensorSpec(shapes[0], dtype="bool"), *operands, result])
