"""What makes fewer elements of many: sums, largest ones and their places, pools."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import Draw, image_shape, ints, quant_of, scale_of, seeds, uniform, window_of, zero_point_of
from tests.support.tflite_writer import TensorSpec, single_op


@st.composite
def reduce(draw: Draw, op: str) -> bytes:
    """MEAN, SUM, REDUCE_MAX or REDUCE_MIN over one or more axes."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    axes = draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=2))
    rng = np.random.default_rng(draw(seeds))
    quant = quant_of(rng)
    out_quant = quant
    if op in ("MEAN", "SUM") and draw(st.booleans()):
        out_quant = (float(np.float32(quant[0] * scale_of(uniform(rng, -1, 4)))), zero_point_of(rng))
    reduced, keep = {a % len(shape) for a in axes}, draw(st.booleans())
    kept = [1 if i in reduced else n for i, n in enumerate(shape) if keep or i not in reduced]
    tensors = [
        TensorSpec(tuple(shape), *quant),
        TensorSpec((len(axes),), dtype="int32", data=np.array(axes, np.int32)),
        TensorSpec(tuple(kept), *out_quant),
    ]
    return single_op(op, tensors, keepDims=keep)


@st.composite
def arg_min_max(draw: Draw, op: str) -> bytes:
    """ARG_MAX or ARG_MIN along any axis."""
    shape = image_shape(draw, draw(st.integers(1, 4)), 6)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    result = tuple(n for i, n in enumerate(shape) if i != axis % len(shape))
    return single_op(
        op, [TensorSpec(shape, *quant_of(np.random.default_rng(1))), ints(axis), TensorSpec(result, dtype="int32")]
    )


@st.composite
def pool_2d(draw: Draw, op: str, images: int = 1) -> bytes:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    images = draw(st.integers(1, images))
    (in_h, in_w, filter_h, filter_w), options, (out_h, out_w) = window_of(draw, dilated=False)
    channels, quant = draw(st.integers(1, 9)), quant_of(np.random.default_rng(draw(seeds)))
    tensors = [TensorSpec((images, *size, channels), *quant) for size in ((in_h, in_w), (out_h, out_w))]
    return single_op(op, tensors, filterHeight=filter_h, filterWidth=filter_w, **options)
