"""Operators that move elements, and those that fill in between."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.support.drawing import Draw, image_shape, ints, quant_of, seeds, values, zero_point_of
from tests.support.tflite_writer import TensorSpec, single_op


@st.composite
def gather_nd(draw: Draw) -> bytes:
    """GATHER_ND of elements or of whole blocks."""
    shape = image_shape(draw, draw(st.integers(1, 4)))
    depth, count = draw(st.integers(1, len(shape))), draw(st.integers(1, 7))
    indices = [[draw(st.integers(0, n - 1)) for n in shape[:depth]] for _ in range(count)]
    return _moved(draw, "GATHER_ND", shape, [(count, *shape[depth:])], ints(indices))


@st.composite
def concatenation(draw: Draw) -> bytes:
    """CONCATENATION of one to four inputs along any axis, now and then with a constant."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    axis, count = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(seeds))
    quant, tensors = quant_of(rng), []
    for i in range(count):
        shape[axis] = draw(st.integers(1, 4))
        data = values(tuple(shape), draw(seeds)) if i and draw(st.integers(0, 3)) == 0 else None
        tensors.append(TensorSpec(tuple(shape), *quant, data=data))
    shape[axis] = sum(t.shape[axis] for t in tensors)
    axis -= len(shape) if draw(st.booleans()) else 0
    return single_op("CONCATENATION", [*tensors, TensorSpec(tuple(shape), *quant)], axis=axis)


def _moved(
    draw: Draw, op: str, shape: tuple[int, ...], results: list[tuple[int, ...]], *parameters: TensorSpec,
    before: bool = False, **options: object,
) -> bytes:  # fmt: skip
    """An operator that moves elements: one input, parameters behind (or before) it, outputs of these shapes."""
    quant = quant_of(np.random.default_rng(draw(seeds)))
    operands = [TensorSpec(shape, *quant), *parameters]
    outputs = [TensorSpec(s, *quant) for s in results]
    return single_op(op, [*(operands[::-1] if before else operands), *outputs], len(results), **options)


@st.composite
def transpose(draw: Draw) -> bytes:
    """TRANSPOSE of up to five dimensions."""
    shape = image_shape(draw, draw(st.integers(1, 5)), 4)
    order = draw(st.permutations(range(len(shape))))
    return _moved(draw, "TRANSPOSE", shape, [tuple(shape[i] for i in order)], ints(list(order)))


@st.composite
def slice_(draw: Draw) -> bytes:
    """SLICE; a size of -1 is the rest."""
    shape = image_shape(draw, draw(st.integers(1, 4)))
    begin = [draw(st.integers(0, n - 1)) for n in shape]
    size = [draw(st.integers(1, n - b)) for n, b in zip(shape, begin, strict=True)]
    said = [-1 if b + s == n and draw(st.booleans()) else s for b, s, n in zip(begin, size, shape, strict=True)]
    return _moved(draw, "SLICE", shape, [tuple(size)], ints(begin), ints(said))


@st.composite
def strided_slice(draw: Draw) -> bytes:
    """STRIDED_SLICE with steps both ways, negative places, masks and dimensions that vanish."""
    shape = image_shape(draw, draw(st.integers(1, 4)))
    begin, end, strides, masks, out = [], [], [], [0, 0, 0], []
    for i, n in enumerate(shape):
        stride = draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
        a, b = draw(st.integers(-n, n - 1)), draw(st.integers(-n - 1, n + 1))
        bits = [draw(st.integers(0, 3)) == 0 for _ in masks]
        taken = range(n)[slice(None if bits[0] else a, None if bits[1] else b, stride)]
        if bits[2] or not taken:  # where nothing is left, one element
            bits, stride, taken = [False, False, True], 1, []
            b = a + 1
        masks = [m | bit << i for m, bit in zip(masks, bits, strict=True)]
        out += [len(taken)] if taken else []
        begin, end, strides = [*begin, a], [*end, b], [*strides, stride]
    options = dict(zip(("beginMask", "endMask", "shrinkAxisMask"), masks, strict=True))
    return _moved(draw, "STRIDED_SLICE", shape, [tuple(out)], ints(begin), ints(end), ints(strides), **options)


@st.composite
def split(draw: Draw, op: str) -> bytes:
    """SPLIT, SPLIT_V or UNPACK along any axis."""
    shape = list(image_shape(draw, draw(st.integers(1, 4)), 4))
    axis, count = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 3))
    said = axis - len(shape) if draw(st.booleans()) else axis
    if op == "UNPACK":
        result = tuple(shape[:axis] + shape[axis + 1 :])
        return _moved(draw, op, tuple(shape), [result] * shape[axis], axis=said, num=shape[axis])
    each = draw(st.integers(1, 3))
    sizes = [each] * count if op == "SPLIT" else [draw(st.integers(1, 3)) for _ in range(count)]
    shape[axis] = sum(sizes)
    results = [(*shape[:axis], n, *shape[axis + 1 :]) for n in sizes]
    axis_spec = ints([said])
    if op == "SPLIT":
        return _moved(draw, op, tuple(shape), results, axis_spec, before=True, numSplits=count)
    return _moved(draw, op, tuple(shape), results, ints(sizes), axis_spec, numSplits=count)


@st.composite
def pack(draw: Draw) -> bytes:
    """PACK of one to four inputs along any axis."""
    shape, count = image_shape(draw, draw(st.integers(0, 3)), 4), draw(st.integers(1, 4))
    axis, quant = draw(st.integers(0, len(shape))), quant_of(np.random.default_rng(draw(seeds)))
    tensors = [TensorSpec(shape, *quant)] * count
    result = TensorSpec((*shape[:axis], count, *shape[axis:]), *quant)
    return single_op("PACK", [*tensors, result], axis=axis, valuesCount=count)


@st.composite
def gather(draw: Draw) -> bytes:
    """GATHER along any axis, in any order, with repetitions."""
    shape = image_shape(draw, draw(st.integers(1, 4)))
    axis = draw(st.integers(0, len(shape) - 1))
    indices = draw(st.lists(st.integers(0, shape[axis] - 1), min_size=1, max_size=9))
    result = (*shape[:axis], len(indices), *shape[axis + 1 :])
    return _moved(draw, "GATHER", shape, [result], ints([*indices]), axis=axis)


@st.composite
def dimensions(draw: Draw, op: str) -> bytes:
    """EXPAND_DIMS, SQUEEZE or BROADCAST_TO."""
    shape = list(image_shape(draw, draw(st.integers(1, 3)), 4))
    axis = draw(st.integers(0, len(shape)))
    longer = (*shape[:axis], 1, *shape[axis:])
    if op == "EXPAND_DIMS":
        return _moved(draw, op, tuple(shape), [longer], ints([axis]))
    if op == "SQUEEZE":
        return _moved(draw, op, longer, [tuple(shape)], squeezeDims=[axis])
    result = tuple(n if n > 1 else draw(st.integers(1, 3)) for n in longer)
    return _moved(draw, op, longer, [result], ints(list(result)))


@st.composite
def blocks(draw: Draw, op: str) -> bytes:
    """DEPTH_TO_SPACE or SPACE_TO_DEPTH."""
    n, h, w, c = image_shape(draw, 4, 3)
    b = draw(st.integers(1, 3))
    shapes = [(n, h, w, c * b * b), (n, h * b, w * b, c)]
    return _moved(
        draw, op, *((shapes[0], [shapes[1]]) if op == "DEPTH_TO_SPACE" else (shapes[1], [shapes[0]])), blockSize=b
    )


@st.composite
def batches(draw: Draw, op: str) -> bytes:
    """SPACE_TO_BATCH_ND, or BATCH_TO_SPACE_ND with cropping."""
    n, c = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    block = [draw(st.integers(1, 3)) for _ in range(2)]
    small = [draw(st.integers(1, 3)) for _ in range(2)]
    # TensorFlow Lite Micro does not set what SPACE_TO_BATCH_ND pads with: whatever its memory holds.
    most = 0 if op == "SPACE_TO_BATCH_ND" else 2
    around = [[draw(st.integers(0, most)), draw(st.integers(0, most))] for _ in range(2)]
    large = [s * b for s, b in zip(small, block, strict=True)]
    around = [p if sum(p) < size else [0, 0] for p, size in zip(around, large, strict=True)]
    inner = [size - sum(p) for p, size in zip(around, large, strict=True)]
    shapes = [(n, *inner, c), (n * block[0] * block[1], *small, c)]
    shape, result = shapes if op == "SPACE_TO_BATCH_ND" else shapes[::-1]
    return _moved(draw, op, shape, [result], ints(block), ints(around))


@st.composite
def resize(draw: Draw, op: str) -> bytes:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR, larger and smaller."""
    n, h, w, c = image_shape(draw)
    size = [draw(st.integers(1, 9)) for _ in range(2)]
    kind = draw(st.sampled_from([{}, {}, {"alignCorners": True}, {"halfPixelCenters": True}]))
    return _moved(draw, op, (n, h, w, c), [(n, *size, c)], ints(size), **kind)


@st.composite
def mirror_pad(draw: Draw) -> bytes:
    """MIRROR_PAD in both modes."""
    shape, mode = image_shape(draw, draw(st.integers(1, 4)), 4), draw(st.integers(0, 1))
    around = [[draw(st.integers(0, n - 1 + mode)) for _ in range(2)] for n in shape]
    result = tuple(n + sum(p) for n, p in zip(shape, around, strict=True))
    return _moved(draw, "MIRROR_PAD", shape, [result], ints(around), mode=mode)


@st.composite
def reverse(draw: Draw) -> bytes:
    """REVERSE_V2 of one axis."""
    shape = image_shape(draw, draw(st.integers(1, 4)))
    axis = draw(st.integers(0, len(shape) - 1))
    return _moved(draw, "REVERSE_V2", shape, [shape], ints([axis]))


@st.composite
def pad(draw: Draw, op: str) -> bytes:
    """PAD or PADV2 of one to four dimensions."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    paddings = np.array([[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in shape], np.int32)
    rng = np.random.default_rng(draw(seeds))
    quant = quant_of(rng)
    tensors = [TensorSpec(tuple(shape), *quant), TensorSpec(paddings.shape, dtype="int32", data=paddings)]
    if op == "PADV2":
        tensors.append(TensorSpec((1,), *quant, data=np.array([zero_point_of(rng)], np.int8)))
    tensors.append(TensorSpec(tuple(int(n + p.sum()) for n, p in zip(shape, paddings, strict=True)), *quant))
    return single_op(op, tensors)


@st.composite
def reshape(draw: Draw) -> bytes:
    """RESHAPE into two dimensions."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    size = int(np.prod(shape))
    tensors = [TensorSpec(shape, 0.5, 3), TensorSpec((2,), dtype="int32", data=np.array([1, size], np.int32))]
    return single_op("RESHAPE", [*tensors, TensorSpec((1, size), 0.5, 3)], newShape=[1, size])
