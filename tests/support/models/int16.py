"""Activations of int16, with the zero point 0."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import (
    Draw,
    activations,
    broadcast_shapes,
    image_shape,
    ints,
    scale_of,
    seeds,
    uniform,
    values,
    window_of,
)
from tests.support.tflite_writer import TensorSpec, single_op

_EXPONENTS = (-16, -7)  # of two, for scales


def _spec(shape: tuple[int, ...], exponent: float, data: np.ndarray | None = None) -> TensorSpec:
    return TensorSpec(shape, scale_of(exponent), 0, "int16", data)


def _exponent(rng: np.random.Generator) -> float:
    return uniform(rng, *_EXPONENTS)


def _shape(draw: Draw) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))


@st.composite
def binary(draw: Draw, op: str) -> bytes:
    """Operators of two operands that broadcast, one of them now and then a constant; the scales may be far apart."""
    rng, shapes = np.random.default_rng(draw(seeds)), broadcast_shapes(draw)
    a = _exponent(rng)
    b = {"MINIMUM": a, "MAXIMUM": a}.get(op, a + uniform(rng, -3, 3))
    out = {
        "MUL": a + b + uniform(rng, 10, 17),
        "SQUARED_DIFFERENCE": 2 * max(a, b) + uniform(rng, 10, 18),
        "MINIMUM": a,
        "MAXIMUM": a,
    }.get(op, a + uniform(rng, -1, 3))
    which = draw(st.sampled_from([None, None, 0, 1]))
    data = [values(s, draw(seeds), "int16") if i == which else None for i, s in enumerate(shapes)]
    options = {"fusedActivationFunction": draw(activations)} if op in ("ADD", "SUB", "MUL") else {}
    tensors = [_spec(s, e, d) for s, e, d in zip(shapes, (a, b, out), data, strict=True)]
    return single_op(op, tensors, **options)


@st.composite
def unary(draw: Draw, op: str) -> bytes:
    """Functions of one number, scaled."""
    shape, rng = _shape(draw), np.random.default_rng(draw(seeds))
    source = _exponent(rng)
    out = source if op == "RELU6" or draw(st.booleans()) else source + uniform(rng, -2, 2)
    options = {"alpha": draw(st.sampled_from([0.0, 0.01, 0.2, 0.3, 1.5]))} if op == "LEAKY_RELU" else {}
    return single_op(op, [_spec(shape, source), _spec(shape, out)], **options)


@st.composite
def sigmoid(draw: Draw, op: str) -> bytes:
    """LOGISTIC or TANH; often at the scales that need no multiplier, and those where sums end beyond the table."""
    shape, rng = _shape(draw), np.random.default_rng(draw(seeds))
    exponent = draw(st.sampled_from([-11.0, -12.0]) | st.just(uniform(rng, -31, 1.4)) | st.just(_exponent(rng)))
    return single_op(op, [_spec(shape, exponent), _spec(shape, -15)])


@st.composite
def softmax(draw: Draw) -> bytes:
    """SOFTMAX of one to three rows."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 300)))
    rng = np.random.default_rng(draw(seeds))
    tensors = [_spec(shape, rng.uniform(-20, -2)), _spec(shape, -15)]
    return single_op("SOFTMAX", tensors, beta=draw(st.sampled_from([1.0, 0.5, 3.0])))


@st.composite
def pool_2d(draw: Draw, op: str) -> bytes:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    (in_h, in_w, filter_h, filter_w), options, (out_h, out_w) = window_of(draw, dilated=False)
    channels, exponent = draw(st.integers(1, 9)), _exponent(np.random.default_rng(draw(seeds)))
    images = draw(st.integers(1, 2))
    tensors = [_spec((images, *size, channels), exponent) for size in ((in_h, in_w), (out_h, out_w))]
    return single_op(op, tensors, filterHeight=filter_h, filterWidth=filter_w, **options)


@st.composite
def reduce(draw: Draw, op: str) -> bytes:
    """MEAN or SUM over one or more axes."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    axes = draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=2))
    rng = np.random.default_rng(draw(seeds))
    source = _exponent(rng)
    out = source if draw(st.booleans()) else source + uniform(rng, -1, 4)
    reduced, keep = {a % len(shape) for a in axes}, draw(st.booleans())
    kept = [1 if i in reduced else n for i, n in enumerate(shape) if keep or i not in reduced]
    return single_op(op, [_spec(tuple(shape), source), ints(axes), _spec(tuple(kept), out)], keepDims=keep)


@st.composite
def pad(draw: Draw, op: str) -> bytes:
    """PAD or PADV2 of one to four dimensions."""
    shape = _shape(draw)
    paddings = [[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in shape]
    rng = np.random.default_rng(draw(seeds))
    exponent = _exponent(rng)
    tensors = [_spec(shape, exponent), ints(paddings)]
    if op == "PADV2":
        tensors.append(_spec((1,), exponent, rng.integers(-(2**15), 2**15, 1).astype(np.int16)))
    tensors.append(_spec(tuple(n + sum(p) for n, p in zip(shape, paddings, strict=True)), exponent))
    return single_op(op, tensors)


@st.composite
def select_v2(draw: Draw) -> bytes:
    """SELECT_V2 whose condition and operands broadcast against each other."""
    whole = image_shape(draw, draw(st.integers(1, 3)), 4)
    shapes = [tuple(1 if draw(st.integers(0, 2)) == 0 else n for n in whole) for _ in range(3)]
    constant = draw(st.sampled_from([None, None, 1, 2]))
    data = [values(s, draw(seeds), "int16") if i == constant else None for i, s in enumerate(shapes)]
    operands = [_spec(s, -9, d) for s, d in zip(shapes[1:], data[1:], strict=True)]
    return single_op(
        "SELECT_V2", [TensorSpec(shapes[0], dtype="bool"), *operands, _spec(np.broadcast_shapes(*shapes), -9)]
    )


@st.composite
def transpose(draw: Draw) -> bytes:
    """TRANSPOSE, for all that only moves elements."""
    shape = image_shape(draw, draw(st.integers(1, 4)))
    order = draw(st.permutations(range(len(shape))))
    return single_op("TRANSPOSE", [_spec(shape, -9), ints(order), _spec(tuple(shape[i] for i in order), -9)])


_BINARY = ("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE")
SINGLE_OPS: dict[str, st.SearchStrategy] = {
    **{f"{op} of int16": binary(op) for op in _BINARY},
    **{f"{op} of int16": unary(op) for op in ("RELU", "RELU6", "LEAKY_RELU", "ABS")},
    **{f"{op} of int16": sigmoid(op) for op in ("LOGISTIC", "TANH")},
    "SOFTMAX of int16": softmax(),
    **{f"{op} of int16": pool_2d(op) for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D")},
    **{f"{op} of int16": reduce(op) for op in ("MEAN", "SUM")},
    **{f"{op} of int16": pad(op) for op in ("PAD", "PADV2")},
    "SELECT_V2 of int16": select_v2(),
    "TRANSPOSE of int16": transpose(),
}
