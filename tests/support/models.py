"""Random single-operator models for property tests: strategies that give the bytes of a ``.tflite``.

Hypothesis draws what shrinks well (sizes, strides, options) and a seed for the numbers: its own floats favour round ones,
with which nearly every output saturates and no rounding is ever tested.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tests.support import models_int16, stateful
from tests.support.drawing import Draw, scale_of, values
from tests.support.drawing import activations as _activation
from tests.support.drawing import broadcast_shapes as _broadcast_shapes
from tests.support.drawing import image_shape as _image_shape
from tests.support.drawing import ints as _ints
from tests.support.drawing import seeds as _seeds
from tests.support.drawing import uniform as _uniform
from tests.support.drawing import window as _window
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.ops.cast import CASTS


def _zero_point(rng: np.random.Generator) -> int:
    """Mostly in the middle; at the edges half of the range would saturate."""
    return int(rng.integers(-128, 128) if rng.random() < 0.3 else rng.integers(-30, 31))


def _exponent(rng: np.random.Generator) -> float:
    """Of two, for the scale of an activation."""
    return _uniform(rng, -8, 1)


@st.composite
def conv_2d(draw: Draw, groups: int = 1, images: int = 1, wide: tuple[str, ...] = ()) -> bytes:
    """CONV_2D with or without bias, per channel or per tensor; ``groups``, ``images``: up to so many; ``wide`` as in ``_weighted``."""
    out_c, in_c = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    groups, images = draw(st.integers(1, groups)), draw(st.integers(1, images))
    window, options, (out_h, out_w) = _window(draw, dilated=True)
    image, output = (images, *window[:2], groups * in_c), (images, out_h, out_w, groups * out_c)
    return _weighted(draw, "CONV_2D", image, (groups * out_c, *window[2:], in_c), output, 0, options, wide=wide)


@st.composite
def depthwise_conv_2d(draw: Draw, images: int = 1, wide: tuple[str, ...] = ()) -> bytes:
    """DEPTHWISE_CONV_2D with multipliers above one and dilation."""
    images = draw(st.integers(1, images))
    in_c, multiplier = draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 2, 3, 8]))
    window, options, (out_h, out_w) = _window(draw, dilated=True)
    out_c = in_c * multiplier
    shapes = ((images, *window[:2], in_c), (1, *window[2:], out_c), (images, out_h, out_w, out_c))
    return _weighted(draw, "DEPTHWISE_CONV_2D", *shapes, 3, options | {"depthMultiplier": multiplier}, wide=wide)


@st.composite
def transpose_conv(draw: Draw, wide: tuple[str, ...] = ()) -> bytes:
    """TRANSPOSE_CONV with strides up to three, SAME and VALID, per tensor and per channel."""
    in_c, out_c, padding = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.sampled_from([0, 1]))
    sizes, taps, outs, options = [], [], [], {"padding": padding}
    for axis in "HW":
        stride, size, filter_size = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
        filter_size = max(filter_size, stride)
        outs.append((size - 1) * stride + filter_size if padding else size * stride)
        sizes.append(size)
        taps.append(filter_size)
        options[f"stride{axis}"] = stride
    shapes = ((1, *sizes, in_c), (out_c, *taps, in_c), (1, *outs, out_c))
    return _weighted(draw, "TRANSPOSE_CONV", *shapes, 0, options, wide=wide)


@st.composite
def fully_connected(draw: Draw, wide: tuple[str, ...] = ()) -> bytes:
    """FULLY_CONNECTED of one to three rows, per tensor (with weight zero points) and per channel; ``wide`` as in ``_weighted``."""
    depths = st.integers(1, 70) | st.sampled_from([256, 257, 600]) if wide else st.integers(1, 70)
    rows, depth, units = draw(st.integers(1, 3)), draw(depths), draw(st.integers(1, 20))
    options = {"fusedActivationFunction": draw(_activation), "keepNumDims": False}
    shapes = ((rows, depth), (units, depth), (rows, units))
    return _weighted(draw, "FULLY_CONNECTED", *shapes, 0, options, weight_zero_points=20, wide=wide)


@st.composite
def add(draw: Draw) -> bytes:
    """ADD of one shape; the scales may be far apart."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(_seeds))
    first = _exponent(rng)
    exponents = (first, first + _uniform(rng, -3, 3), first + _uniform(rng, -1, 3))
    tensors = [TensorSpec(shape, scale_of(e), _zero_point(rng)) for e in exponents]
    return single_op("ADD", tensors, fusedActivationFunction=draw(_activation))


def _operands(
    draw: Draw, rng: np.random.Generator, quants: list[tuple[float, int]], constant: bool = True
) -> list[TensorSpec]:
    """Two operands that broadcast, one of them now and then a constant, and the output; quants: of all three."""
    shapes = _broadcast_shapes(draw)
    which = draw(st.sampled_from([None, None, 0, 1])) if constant else None
    data = [values(s, int(rng.integers(2**32))) if i == which else None for i, s in enumerate(shapes)]
    return [TensorSpec(s, *quant, data=d) for s, quant, d in zip(shapes, quants, data, strict=True)]


@st.composite
def binary(draw: Draw, op: str) -> bytes:
    """ADD or SUB with broadcasting and constants; the scales may be far apart."""
    rng = np.random.default_rng(draw(_seeds))
    first = _exponent(rng)
    exponents = (first, first + _uniform(rng, -3, 3), first + _uniform(rng, -1, 3))
    tensors = _operands(draw, rng, [(scale_of(e), _zero_point(rng)) for e in exponents])
    return single_op(op, tensors, fusedActivationFunction=draw(_activation))


@st.composite
def mul(draw: Draw) -> bytes:
    """MUL; mostly results that use the range."""
    rng = np.random.default_rng(draw(_seeds))
    a, b = _exponent(rng), _exponent(rng)
    exponents = (a, b, a + b + _uniform(rng, 2, 9))
    tensors = _operands(draw, rng, [(scale_of(e), _zero_point(rng)) for e in exponents])
    return single_op("MUL", tensors, fusedActivationFunction=draw(_activation))


@st.composite
def extreme(draw: Draw, op: str) -> bytes:
    """MINIMUM or MAXIMUM, all operands quantised alike."""
    rng = np.random.default_rng(draw(_seeds))
    return single_op(op, _operands(draw, rng, [_quant(rng)] * 3))


@st.composite
def squared_difference(draw: Draw) -> bytes:
    """SQUARED_DIFFERENCE; mostly results that use the range."""
    rng = np.random.default_rng(draw(_seeds))
    a = _exponent(rng)
    exponents = (a, a + _uniform(rng, -2, 2), 2 * a + _uniform(rng, 2, 9))
    return single_op("SQUARED_DIFFERENCE", _operands(draw, rng, [(scale_of(e), _zero_point(rng)) for e in exponents]))


@st.composite
def prelu(draw: Draw) -> bytes:
    """PRELU with constant slopes for each channel, or all of the same."""
    rng = np.random.default_rng(draw(_seeds))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    alpha = draw(st.sampled_from([(1,) * (len(shape) - 1) + shape[-1:], shape[-1:], (1,)]))
    first = _exponent(rng)
    tensors = [
        TensorSpec(shape, scale_of(first), _zero_point(rng)),
        TensorSpec(alpha, scale_of(_uniform(rng, -9, -5)), _zero_point(rng), data=values(alpha, draw(_seeds))),
        TensorSpec(shape, scale_of(first + _uniform(rng, -1, 2)), _zero_point(rng)),
    ]
    return single_op("PRELU", tensors)


@st.composite
def unary(draw: Draw, op: str) -> bytes:
    """An operator of one input, whose output is quantised as the operator wants it."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(_seeds))
    exponent = _uniform(rng, -8, 0)
    source = TensorSpec(shape, scale_of(exponent), -128 if op == "RSQRT" else _zero_point(rng))
    out = {
        "LOGISTIC": (1 / 256, -128),
        "TANH": (1 / 128, 0),
        "RSQRT": (scale_of(-exponent / 2 - _uniform(rng, 3, 7)), _zero_point(rng)),
    }.get(op, (scale_of(exponent + _uniform(rng, -1, 2)), _zero_point(rng)))
    options = {"alpha": draw(st.sampled_from([0.0, 0.01, 0.2, 0.3, 1.5]))} if op == "LEAKY_RELU" else {}
    return single_op(op, [source, TensorSpec(shape, *out)], **options)


@st.composite
def quantize(draw: Draw) -> bytes:
    """QUANTIZE between all types that it knows, often by nothing but the offset of 128."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(_seeds))
    wide = [("int8", "int16"), ("int8", "int32"), ("int32", "int8"), ("int32", "int16")]
    wide += [("int16", t) for t in ("int8", "int16", "int32")]
    types = draw(st.sampled_from([("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), *wide]))
    exponent, zero = _exponent(rng), _zero_point(rng)
    change = 0.0 if draw(st.booleans()) else _uniform(rng, -2, 2)
    change += np.log2(np.iinfo(types[0]).max / np.iinfo(types[1]).max) * int(draw(st.booleans()))
    zeros = [zero, zero if draw(st.booleans()) else _zero_point(rng)]
    tensors = [
        TensorSpec(shape, scale_of(e), z + 128 * (t == "uint8"), t)
        for e, z, t in zip((exponent, exponent + change), zeros, types, strict=True)
    ]
    return single_op("QUANTIZE", tensors)


@st.composite
def reduce(draw: Draw, op: str) -> bytes:
    """MEAN, SUM, REDUCE_MAX or REDUCE_MIN over one or more axes."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    axes = draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=2))
    rng = np.random.default_rng(draw(_seeds))
    quant = _quant(rng)
    out_quant = quant
    if op in ("MEAN", "SUM") and draw(st.booleans()):
        out_quant = (float(np.float32(quant[0] * scale_of(_uniform(rng, -1, 4)))), _zero_point(rng))
    reduced, keep = {a % len(shape) for a in axes}, draw(st.booleans())
    kept = [1 if i in reduced else n for i, n in enumerate(shape) if keep or i not in reduced]
    tensors = [
        TensorSpec(tuple(shape), *quant),
        TensorSpec((len(axes),), dtype="int32", data=np.array(axes, np.int32)),
        TensorSpec(tuple(kept), *out_quant),
    ]
    return single_op(op, tensors, keepDims=keep)


@st.composite
def div(draw: Draw) -> bytes:
    """DIV by constants without zeros; ratios of scales at which TensorFlow Lite Micro's last shift stays below 32 bits."""
    rng = np.random.default_rng(draw(_seeds))
    a, b = _exponent(rng), _exponent(rng)
    exponents = (a, b, a - b - _uniform(rng, 6, 9))
    quants = [(scale_of(e), _zero_point(rng)) for e in exponents]
    first, second, result = _operands(draw, rng, quants, constant=False)
    divisor = values(second.shape, draw(_seeds))
    divisor[divisor == quants[1][1]] += 1 if quants[1][1] < 127 else -1
    return single_op("DIV", [first, replace(second, data=divisor), result], fusedActivationFunction=draw(_activation))


@st.composite
def comparison(draw: Draw, op: str) -> bytes:
    """Comparisons of operands whose scales are near or far, or of booleans."""
    rng = np.random.default_rng(draw(_seeds))
    if op in ("EQUAL", "NOT_EQUAL") and draw(st.integers(0, 3)) == 0:
        return single_op(
            op, [replace(t, scale=None, dtype="bool") for t in _operands(draw, rng, [(1.0, 0)] * 3, False)]
        )
    first = _uniform(rng, -8, -2)
    second = first + (0 if draw(st.booleans()) else _uniform(rng, -1, 1))
    *operands, result = _operands(
        draw, rng, [(scale_of(first), _zero_point(rng)), (scale_of(second), _zero_point(rng)), (1.0, 0)]
    )
    return single_op(op, [*operands, TensorSpec(result.shape, dtype="bool")])


@st.composite
def logical(draw: Draw, op: str) -> bytes:
    """LOGICAL_AND and LOGICAL_OR with broadcasting, LOGICAL_NOT."""
    shapes = _broadcast_shapes(draw)
    shapes = shapes[2:] * 2 if op == "LOGICAL_NOT" else shapes
    return single_op(op, [TensorSpec(s, dtype="bool") for s in shapes])


@st.composite
def select_v2(draw: Draw) -> bytes:
    """SELECT_V2 whose condition and operands broadcast against each other."""
    whole = _image_shape(draw, draw(st.integers(1, 4)), 4)
    shapes = [
        tuple(1 if draw(st.integers(0, 2)) == 0 else n for n in whole)[draw(st.integers(0, len(whole) - 1)) :]
        for _ in range(3)
    ]
    quant = _quant(np.random.default_rng(draw(_seeds)))
    constant = draw(st.sampled_from([None, None, 1, 2]))
    data = [values(s, draw(_seeds)) if i == constant else None for i, s in enumerate(shapes)]
    operands = [TensorSpec(s, *quant, data=d) for s, d in zip(shapes[1:], data[1:], strict=True)]
    result = TensorSpec(np.broadcast_shapes(*shapes), *quant)
    return single_op("SELECT_V2", [TensorSpec(shapes[0], dtype="bool"), *operands, result])


@st.composite
def arg_min_max(draw: Draw, op: str) -> bytes:
    """ARG_MAX or ARG_MIN along any axis."""
    shape = _image_shape(draw, draw(st.integers(1, 4)), 6)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    result = tuple(n for i, n in enumerate(shape) if i != axis % len(shape))
    return single_op(
        op, [TensorSpec(shape, *_quant(np.random.default_rng(1))), _ints(axis), TensorSpec(result, dtype="int32")]
    )


@st.composite
def cast(draw: Draw) -> bytes:
    """CAST between all types that it takes."""
    source, result = draw(st.sampled_from(sorted(CASTS)))
    shape = _image_shape(draw, draw(st.integers(1, 4)))
    return single_op("CAST", [TensorSpec(shape, dtype=source), TensorSpec(shape, dtype=result)])


@st.composite
def gather_nd(draw: Draw) -> bytes:
    """GATHER_ND of elements or of whole blocks."""
    shape = _image_shape(draw, draw(st.integers(1, 4)))
    depth, count = draw(st.integers(1, len(shape))), draw(st.integers(1, 7))
    indices = [[draw(st.integers(0, n - 1)) for n in shape[:depth]] for _ in range(count)]
    return _moved(draw, "GATHER_ND", shape, [(count, *shape[depth:])], _ints(indices))


@st.composite
def concatenation(draw: Draw) -> bytes:
    """CONCATENATION of one to four inputs along any axis, now and then with a constant."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    axis, count = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(_seeds))
    quant, tensors = _quant(rng), []
    for i in range(count):
        shape[axis] = draw(st.integers(1, 4))
        data = values(tuple(shape), draw(_seeds)) if i and draw(st.integers(0, 3)) == 0 else None
        tensors.append(TensorSpec(tuple(shape), *quant, data=data))
    shape[axis] = sum(t.shape[axis] for t in tensors)
    axis -= len(shape) if draw(st.booleans()) else 0
    return single_op("CONCATENATION", [*tensors, TensorSpec(tuple(shape), *quant)], axis=axis)


def _moved(
    draw: Draw, op: str, shape: tuple[int, ...], results: list[tuple[int, ...]], *parameters: TensorSpec,
    before: bool = False, **options: object,
) -> bytes:  # fmt: skip
    """An operator that moves elements: one input, parameters behind (or before) it, outputs of these shapes."""
    quant = _quant(np.random.default_rng(draw(_seeds)))
    operands = [TensorSpec(shape, *quant), *parameters]
    outputs = [TensorSpec(s, *quant) for s in results]
    return single_op(op, [*(operands[::-1] if before else operands), *outputs], len(results), **options)


@st.composite
def transpose(draw: Draw) -> bytes:
    """TRANSPOSE of up to five dimensions."""
    shape = _image_shape(draw, draw(st.integers(1, 5)), 4)
    order = draw(st.permutations(range(len(shape))))
    return _moved(draw, "TRANSPOSE", shape, [tuple(shape[i] for i in order)], _ints(list(order)))


@st.composite
def slice_(draw: Draw) -> bytes:
    """SLICE; a size of -1 is the rest."""
    shape = _image_shape(draw, draw(st.integers(1, 4)))
    begin = [draw(st.integers(0, n - 1)) for n in shape]
    size = [draw(st.integers(1, n - b)) for n, b in zip(shape, begin, strict=True)]
    said = [-1 if b + s == n and draw(st.booleans()) else s for b, s, n in zip(begin, size, shape, strict=True)]
    return _moved(draw, "SLICE", shape, [tuple(size)], _ints(begin), _ints(said))


@st.composite
def strided_slice(draw: Draw) -> bytes:
    """STRIDED_SLICE with steps both ways, negative places, masks and dimensions that vanish."""
    shape = _image_shape(draw, draw(st.integers(1, 4)))
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
    return _moved(draw, "STRIDED_SLICE", shape, [tuple(out)], _ints(begin), _ints(end), _ints(strides), **options)


@st.composite
def split(draw: Draw, op: str) -> bytes:
    """SPLIT, SPLIT_V or UNPACK along any axis."""
    shape = list(_image_shape(draw, draw(st.integers(1, 4)), 4))
    axis, count = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 3))
    said = axis - len(shape) if draw(st.booleans()) else axis
    if op == "UNPACK":
        result = tuple(shape[:axis] + shape[axis + 1 :])
        return _moved(draw, op, tuple(shape), [result] * shape[axis], axis=said, num=shape[axis])
    each = draw(st.integers(1, 3))
    sizes = [each] * count if op == "SPLIT" else [draw(st.integers(1, 3)) for _ in range(count)]
    shape[axis] = sum(sizes)
    results = [(*shape[:axis], n, *shape[axis + 1 :]) for n in sizes]
    axis_spec = _ints([said])
    if op == "SPLIT":
        return _moved(draw, op, tuple(shape), results, axis_spec, before=True, numSplits=count)
    return _moved(draw, op, tuple(shape), results, _ints(sizes), axis_spec, numSplits=count)


@st.composite
def pack(draw: Draw) -> bytes:
    """PACK of one to four inputs along any axis."""
    shape, count = _image_shape(draw, draw(st.integers(0, 3)), 4), draw(st.integers(1, 4))
    axis, quant = draw(st.integers(0, len(shape))), _quant(np.random.default_rng(draw(_seeds)))
    tensors = [TensorSpec(shape, *quant)] * count
    result = TensorSpec((*shape[:axis], count, *shape[axis:]), *quant)
    return single_op("PACK", [*tensors, result], axis=axis, valuesCount=count)


@st.composite
def gather(draw: Draw) -> bytes:
    """GATHER along any axis, in any order, with repetitions."""
    shape = _image_shape(draw, draw(st.integers(1, 4)))
    axis = draw(st.integers(0, len(shape) - 1))
    indices = draw(st.lists(st.integers(0, shape[axis] - 1), min_size=1, max_size=9))
    result = (*shape[:axis], len(indices), *shape[axis + 1 :])
    return _moved(draw, "GATHER", shape, [result], _ints([*indices]), axis=axis)


@st.composite
def dimensions(draw: Draw, op: str) -> bytes:
    """EXPAND_DIMS, SQUEEZE or BROADCAST_TO."""
    shape = list(_image_shape(draw, draw(st.integers(1, 3)), 4))
    axis = draw(st.integers(0, len(shape)))
    longer = (*shape[:axis], 1, *shape[axis:])
    if op == "EXPAND_DIMS":
        return _moved(draw, op, tuple(shape), [longer], _ints([axis]))
    if op == "SQUEEZE":
        return _moved(draw, op, longer, [tuple(shape)], squeezeDims=[axis])
    result = tuple(n if n > 1 else draw(st.integers(1, 3)) for n in longer)
    return _moved(draw, op, longer, [result], _ints(list(result)))


@st.composite
def blocks(draw: Draw, op: str) -> bytes:
    """DEPTH_TO_SPACE or SPACE_TO_DEPTH."""
    n, h, w, c = _image_shape(draw, 4, 3)
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
    return _moved(draw, op, shape, [result], _ints(block), _ints(around))


@st.composite
def resize(draw: Draw, op: str) -> bytes:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR, larger and smaller."""
    n, h, w, c = _image_shape(draw)
    size = [draw(st.integers(1, 9)) for _ in range(2)]
    kind = draw(st.sampled_from([{}, {}, {"alignCorners": True}, {"halfPixelCenters": True}]))
    return _moved(draw, op, (n, h, w, c), [(n, *size, c)], _ints(size), **kind)


@st.composite
def batch_matmul(draw: Draw) -> bytes:
    """BATCH_MATMUL with batches that broadcast, either side transposed, now and then a constant one."""
    a, b, whole = _broadcast_shapes(draw) if draw(st.booleans()) else ((), (), ())
    a, b, whole = (s[-3:] for s in (a, b, whole))
    rows, depth, columns = draw(st.integers(1, 6)), draw(st.integers(1, 20)), draw(st.integers(1, 6))
    options = {"adjX": draw(st.booleans()), "adjY": draw(st.booleans())}
    rng = np.random.default_rng(draw(_seeds))
    exponents = (_exponent(rng), _exponent(rng))
    out = sum(exponents) + 6 + np.log2(depth) / 2 + _uniform(rng, -1, 3)
    constant = draw(st.sampled_from([None, None, 0, 1]))
    shapes = [
        (*a, depth, rows) if options["adjX"] else (*a, rows, depth),
        (*b, columns, depth) if options["adjY"] else (*b, depth, columns),
    ]
    tensors = [
        TensorSpec(s, scale_of(e), _zero_point(rng), data=values(s, draw(_seeds)) if i == constant else None)
        for i, (s, e) in enumerate(zip(shapes, exponents, strict=True))
    ]
    return single_op(
        "BATCH_MATMUL", [*tensors, TensorSpec((*whole, rows, columns), scale_of(out), _zero_point(rng))], **options
    )


@st.composite
def mirror_pad(draw: Draw) -> bytes:
    """MIRROR_PAD in both modes."""
    shape, mode = _image_shape(draw, draw(st.integers(1, 4)), 4), draw(st.integers(0, 1))
    around = [[draw(st.integers(0, n - 1 + mode)) for _ in range(2)] for n in shape]
    result = tuple(n + sum(p) for n, p in zip(shape, around, strict=True))
    return _moved(draw, "MIRROR_PAD", shape, [result], _ints(around), mode=mode)


@st.composite
def reverse(draw: Draw) -> bytes:
    """REVERSE_V2 of one axis."""
    shape = _image_shape(draw, draw(st.integers(1, 4)))
    axis = draw(st.integers(0, len(shape) - 1))
    return _moved(draw, "REVERSE_V2", shape, [shape], _ints([axis]))


@st.composite
def pool_2d(draw: Draw, op: str, images: int = 1) -> bytes:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    images = draw(st.integers(1, images))
    (in_h, in_w, filter_h, filter_w), options, (out_h, out_w) = _window(draw, dilated=False)
    channels, quant = draw(st.integers(1, 9)), _quant(np.random.default_rng(draw(_seeds)))
    tensors = [TensorSpec((images, *size, channels), *quant) for size in ((in_h, in_w), (out_h, out_w))]
    return single_op(op, tensors, filterHeight=filter_h, filterWidth=filter_w, **options)


@st.composite
def softmax(draw: Draw) -> bytes:
    """SOFTMAX of one to three rows, to int8 or int16."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 300)))
    rng = np.random.default_rng(draw(_seeds))
    tensors = [
        TensorSpec(shape, scale_of(rng.uniform(-9, 1)), _zero_point(rng)),
        TensorSpec(shape, 1 / 256, -128) if draw(st.booleans()) else TensorSpec(shape, 1 / 65536, -32768, "int16"),
    ]
    return single_op("SOFTMAX", tensors, beta=draw(st.sampled_from([1.0, 0.5, 3.0])))


@st.composite
def pad(draw: Draw, op: str) -> bytes:
    """PAD or PADV2 of one to four dimensions."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    paddings = np.array([[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in shape], np.int32)
    rng = np.random.default_rng(draw(_seeds))
    quant = _quant(rng)
    tensors = [TensorSpec(tuple(shape), *quant), TensorSpec(paddings.shape, dtype="int32", data=paddings)]
    if op == "PADV2":
        tensors.append(TensorSpec((1,), *quant, data=np.array([_zero_point(rng)], np.int8)))
    tensors.append(TensorSpec(tuple(int(n + p.sum()) for n, p in zip(shape, paddings, strict=True)), *quant))
    return single_op(op, tensors)


@st.composite
def relu(draw: Draw, op: str) -> bytes:
    """RELU, RELU6 or RELU_N1_TO_1 as a layer, input and output quantised alike, but for RELU only half of the time."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(draw(_seeds))
    source = _quant(rng)
    rescaled = (float(np.float32(source[0] * scale_of(_uniform(rng, -1, 2)))), _zero_point(rng))
    result = rescaled if op == "RELU" and draw(st.booleans()) else source
    return single_op(op, [TensorSpec(shape, *source), TensorSpec(shape, *result)])


@st.composite
def reshape(draw: Draw) -> bytes:
    """RESHAPE into two dimensions."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    size = int(np.prod(shape))
    tensors = [TensorSpec(shape, 0.5, 3), TensorSpec((2,), dtype="int32", data=np.array([1, size], np.int32))]
    return single_op("RESHAPE", [*tensors, TensorSpec((1, size), 0.5, 3)], newShape=[1, size])


def _quant(rng: np.random.Generator) -> tuple[float, int]:
    return scale_of(_exponent(rng)), _zero_point(rng)


def _middle(rng: np.random.Generator, wide: tuple[str, ...]) -> tuple[int, str]:
    """Zero point and type of an activation."""
    zero_point = _zero_point(rng)
    return (0, "int16") if wide else (zero_point, "int8")


def _weighted(
    draw: Draw,
    op: str,
    image: tuple[int, ...],
    weights: tuple[int, ...],
    output: tuple[int, ...],
    axis: int,
    options: dict[str, object],
    weight_zero_points: int = 0,
    wide: tuple[str, ...] = (),
) -> bytes:
    """``weight_zero_points``: limit of the zero point of weights with one scale; ``wide``: types of a bias, with activations of int16."""
    channels, taps = weights[axis], int(np.prod(weights)) // weights[axis]
    rng = np.random.default_rng(draw(_seeds))
    in_scale, per_channel = scale_of(_exponent(rng)), draw(st.booleans())
    middle = _uniform(rng, -9, -3)
    scales = [scale_of(middle + _uniform(rng, -1, 1)) for _ in range(channels if per_channel else 1)]
    zero_point = 0 if len(scales) > 1 else int(rng.integers(-weight_zero_points, weight_zero_points + 1))
    data = np.clip(values(weights, draw(_seeds)), max(-128, zero_point - 128), min(127, zero_point + 127))
    tensors = [
        TensorSpec(image, in_scale, *_middle(rng, wide)),
        TensorSpec(weights, scales, zero_point, data=data.astype(np.int8), axis=axis),
    ]
    if draw(st.booleans()):
        dtype = draw(st.sampled_from(wide or ("int32",)))
        limit = 2 ** (int(rng.integers(12, 40 if dtype == "int64" else 24)) if wide and dtype != "int16" else 12)
        bias = rng.integers(-limit, limit, channels).astype(dtype)
        bias_scales = [float(np.float32(in_scale) * np.float32(s)) for s in scales]
        tensors.append(TensorSpec((channels,), bias_scales, 0, dtype=dtype, data=bias))
    # An accumulator is about 2^12.5 * sqrt(taps); it should come out as 2^6 steps, give or take; of int16 2^8 times both.
    spread = 6 + int(np.log2(taps) / 2)
    out_scale = in_scale * scale_of(middle + spread + _uniform(rng, -1, 3))
    tensors.append(TensorSpec(output, float(np.float32(out_scale)), *_middle(rng, wide)))
    if op == "TRANSPOSE_CONV":
        tensors = [_ints(list(output)), tensors[1], tensors[0], *tensors[2:]]
    return single_op(op, tensors, **options)


SINGLE_OPS: dict[str, st.SearchStrategy] = {
    "CONV_2D": conv_2d(),
    "DEPTHWISE_CONV_2D": depthwise_conv_2d(),
    "CONV_2D in groups": conv_2d(groups=4),
    "CONV_2D of images": conv_2d(groups=2, images=3),
    "DEPTHWISE_CONV_2D of images": depthwise_conv_2d(images=3),
    "AVERAGE_POOL_2D of images": pool_2d("AVERAGE_POOL_2D", images=3),
    "MAX_POOL_2D of images": pool_2d("MAX_POOL_2D", images=3),
    "FULLY_CONNECTED": fully_connected(),
    "FULLY_CONNECTED of int16": fully_connected(("int32", "int64")),
    "CONV_2D of int16": conv_2d(groups=4, images=2, wide=("int32", "int64")),
    "DEPTHWISE_CONV_2D of int16": depthwise_conv_2d(images=2, wide=("int64",)),
    "TRANSPOSE_CONV of int16": transpose_conv(("int16", "int64")),
    "TRANSPOSE_CONV": transpose_conv(),
    "ADD": add(),
    "AVERAGE_POOL_2D": pool_2d("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pool_2d("MAX_POOL_2D"),
    "SOFTMAX": softmax(),
    "PAD": pad("PAD"),
    "PADV2": pad("PADV2"),
    "RESHAPE": reshape(),
    "RELU": relu("RELU"),
    "RELU6": relu("RELU6"),
    "ADD with broadcasting": binary("ADD"),
    "SUB": binary("SUB"),
    "MUL": mul(),
    "MINIMUM": extreme("MINIMUM"),
    "MAXIMUM": extreme("MAXIMUM"),
    "SQUARED_DIFFERENCE": squared_difference(),
    "PRELU": prelu(),
    "DIV": div(),
    **{op: comparison(op) for op in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")},
    **{op: logical(op) for op in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")},
    "SELECT_V2": select_v2(),
    **{op: unary(op) for op in ("LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "ELU", "ABS", "RSQRT")},
    "QUANTIZE": quantize(),
    **{op: reduce(op) for op in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")},
    **{op: arg_min_max(op) for op in ("ARG_MAX", "ARG_MIN")},
    "CAST": cast(),
    "CONCATENATION": concatenation(),
    "PACK": pack(),
    **{op: split(op) for op in ("SPLIT", "SPLIT_V", "UNPACK")},
    "SLICE": slice_(),
    "STRIDED_SLICE": strided_slice(),
    "TRANSPOSE": transpose(),
    **{op: dimensions(op) for op in ("EXPAND_DIMS", "SQUEEZE", "BROADCAST_TO")},
    "GATHER": gather(),
    "GATHER_ND": gather_nd(),
    **{op: blocks(op) for op in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")},
    **{op: batches(op) for op in ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")},
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR"),
    "RESIZE_BILINEAR": resize("RESIZE_BILINEAR"),
    "BATCH_MATMUL": batch_matmul(),
    "MIRROR_PAD": mirror_pad(),
    "REVERSE_V2": reverse(),
    **stateful.SINGLE_OPS,
    **models_int16.SINGLE_OPS,
}
