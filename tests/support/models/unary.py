"""Functions of one operand."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import Draw, exponent_of, image_shape, quant_of, scale_of, seeds, uniform, zero_point_of
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.ops.cast import CASTS


@st.composite
def unary(draw: Draw, op: str) -> bytes:
    """An operator of one input, whose output is quantised as the operator wants it."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(seeds))
    exponent = uniform(rng, -8, 0)
    source = TensorSpec(shape, scale_of(exponent), -128 if op == "RSQRT" else zero_point_of(rng))
    out = {
        "LOGISTIC": (1 / 256, -128),
        "TANH": (1 / 128, 0),
        "RSQRT": (scale_of(-exponent / 2 - uniform(rng, 3, 7)), zero_point_of(rng)),
    }.get(op, (scale_of(exponent + uniform(rng, -1, 2)), zero_point_of(rng)))
    options = {"alpha": draw(st.sampled_from([0.0, 0.01, 0.2, 0.3, 1.5]))} if op == "LEAKY_RELU" else {}
    return single_op(op, [source, TensorSpec(shape, *out)], **options)


@st.composite
def quantize(draw: Draw) -> bytes:
    """QUANTIZE between all types that it knows, often by nothing but the offset of 128."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(seeds))
    wide = [("int8", "int16"), ("int8", "int32"), ("int32", "int8"), ("int32", "int16")]
    wide += [("int16", t) for t in ("int8", "int16", "int32")]
    types = draw(st.sampled_from([("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), *wide]))
    exponent, zero = exponent_of(rng), zero_point_of(rng)
    change = 0.0 if draw(st.booleans()) else uniform(rng, -2, 2)
    change += np.log2(np.iinfo(types[0]).max / np.iinfo(types[1]).max) * int(draw(st.booleans()))
    zeros = [zero, zero if draw(st.booleans()) else zero_point_of(rng)]
    tensors = [
        TensorSpec(shape, scale_of(e), z + 128 * (t == "uint8"), t)
        for e, z, t in zip((exponent, exponent + change), zeros, types, strict=True)
    ]
    return single_op("QUANTIZE", tensors)


@st.composite
def cast(draw: Draw) -> bytes:
    """CAST between all types that it takes."""
    source, result = draw(st.sampled_from(sorted(CASTS)))
    shape = image_shape(draw, draw(st.integers(1, 4)))
    return single_op("CAST", [TensorSpec(shape, dtype=source), TensorSpec(shape, dtype=result)])


@st.composite
def softmax(draw: Draw) -> bytes:
    """SOFTMAX of one to three rows, to int8 or int16."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 300)))
    rng = np.random.default_rng(draw(seeds))
    tensors = [
        TensorSpec(shape, scale_of(rng.uniform(-9, 1)), zero_point_of(rng)),
        TensorSpec(shape, 1 / 256, -128) if draw(st.booleans()) else TensorSpec(shape, 1 / 65536, -32768, "int16"),
    ]
    return single_op("SOFTMAX", tensors, beta=draw(st.sampled_from([1.0, 0.5, 3.0])))


@st.composite
def relu(draw: Draw, op: str) -> bytes:
    """RELU, RELU6 or RELU_N1_TO_1 as a layer, input and output quantised alike, but for RELU only half of the time."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(seeds))
    source = quant_of(rng)
    rescaled = (float(np.float32(source[0] * scale_of(uniform(rng, -1, 2)))), zero_point_of(rng))
    result = rescaled if op == "RELU" and draw(st.booleans()) else source
    return single_op(op, [TensorSpec(shape, *source), TensorSpec(shape, *result)])
