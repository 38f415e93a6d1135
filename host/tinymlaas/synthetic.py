"""Small layers of every operator and shape that matters to a cost model, as one graph; weights are seeded noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import synthetic_int16
from .graph import Array, Graph, Op, Quant, State, Tensor
from .ops.add import Add
from .ops.batch_matmul import BatchMatMul
from .ops.binary import Fused, Plain
from .ops.convolution import Convolution
from .ops.fully_connected import FullyConnected
from .ops.lstm import Lstm
from .ops.moved import Moved
from .ops.movement import NoAttributes
from .ops.pad import Pad
from .ops.pool import Pool2D
from .ops.quantize import Quantize
from .ops.reduce import Reduce
from .ops.reshape import Reshape
from .ops.resize_nearest_neighbor import Resize
from .ops.softmax import Softmax
from .ops.svdf import Svdf
from .ops.tanh import Tanh

Shape = tuple[int, ...]
_QUANT = Quant((0.05,), (3,))
_WIDE = Quant((0.001,), (0,))
_SEED = 1


@dataclass(slots=True)
class _Builder:
    """Collects tensors and operators; layers of one input shape share their input."""

    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    inputs: dict[tuple[Shape, int], int] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(_SEED))

    def tensor(self, shape: Shape, quant: Quant | None = _QUANT, dtype: str = "int8", data: Array | None = None) -> int:
        self.tensors.append(Tensor(f"t{len(self.tensors)}", shape, dtype, quant, data))
        return len(self.tensors) - 1

    def input(self, shape: Shape, number: int = 0) -> int:
        """The input of a shape; number 1 is quantised differently, number 2 is int16."""
        if (shape, number) not in self.inputs and number == 2:
            self.inputs[shape, number] = self.tensor(shape, _WIDE, "int16")
        elif (shape, number) not in self.inputs:
            self.inputs[shape, number] = self.tensor(shape, Quant((0.05 - 0.02 * number,), (3,)))
        return self.inputs[shape, number]

    def layer(
        self,
        code: str,
        attrs: Any,
        inputs: Iterable[int],
        out: Shape,
        quant: Quant | None = _QUANT,
        dtype: str = "int8",
    ) -> int:
        """The output of a new layer."""
        index, made = len(self.ops), self.tensor(out, quant, dtype)
        self.ops.append(Op(code, f"layer{index}", index, tuple(inputs), (made,), attrs))
        return made

    def state(self, shape: Shape, quant: Quant, dtype: str) -> int:
        """What the next layer remembers between runs."""
        kept = self.tensor(shape, quant, dtype)
        self.states.append(State(kept, self.tensor(shape, quant, dtype), bytes(self.tensors[kept].bytes)))
        return kept

    def noise(self, shape: Shape) -> Array:
        """Any bytes."""
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def weights(self, shape: Shape, channels: int, axis: int) -> list[int]:
        """Weights as trained networks have them, mostly small, and a bias; a scale per channel."""
        noise = np.clip(self.rng.normal(0, 35, shape).round(), -127, 127).astype(np.int8)
        scales = tuple(float(s) for s in self.rng.uniform(0.001, 0.004, channels))
        bias = self.rng.integers(-2000, 2000, channels).astype(np.int32)
        return [
            self.tensor(shape, Quant(scales, (0,) * channels, axis), data=noise),
            self.tensor((channels,), Quant((0.001,), (0,)), "int32", bias),
        ]


# in_h, in_w, in_c, out_c, filter_h, filter_w, stride, padding, dilation
_CONVOLUTIONS = (
    (8, 8, 16, 16, 1, 1, 1, "SAME", 1),
    (8, 8, 8, 32, 1, 1, 1, "SAME", 1),
    (5, 5, 40, 13, 1, 1, 1, "SAME", 1),
    (4, 4, 64, 64, 1, 1, 1, "SAME", 1),
    (12, 12, 4, 4, 1, 1, 1, "SAME", 1),
    (2, 2, 128, 24, 1, 1, 1, "SAME", 1),
    (1, 1, 64, 10, 1, 1, 1, "SAME", 1),
    (3, 1, 20, 7, 1, 1, 1, "SAME", 1),
    (12, 12, 16, 32, 1, 1, 2, "SAME", 1),
    (6, 6, 7, 3, 1, 1, 1, "SAME", 1),
    (8, 8, 3, 8, 3, 3, 1, "SAME", 1),
    (16, 16, 3, 8, 3, 3, 2, "SAME", 1),
    (10, 10, 8, 8, 3, 3, 1, "SAME", 1),
    (6, 6, 16, 32, 3, 3, 2, "SAME", 1),
    (6, 6, 16, 16, 3, 3, 1, "VALID", 1),
    (8, 8, 4, 5, 3, 3, 1, "SAME", 1),
    (9, 9, 4, 8, 3, 3, 1, "SAME", 2),
    (20, 10, 1, 16, 10, 4, 2, "SAME", 1),
    (20, 12, 1, 8, 10, 8, 2, "SAME", 1),
    (10, 1, 8, 8, 5, 1, 1, "SAME", 1),
    (6, 6, 2, 2, 5, 5, 1, "SAME", 1),
    (6, 6, 96, 4, 5, 5, 1, "VALID", 1),
)
# in_h, in_w, in_c, multiplier, filter_h, filter_w, stride, padding, dilation
_DEPTHWISE = (
    (12, 12, 8, 1, 3, 3, 1, "SAME", 1),
    (12, 12, 8, 1, 3, 3, 2, "SAME", 1),
    (6, 6, 16, 1, 3, 3, 1, "SAME", 1),
    (6, 6, 16, 1, 3, 3, 2, "SAME", 1),
    (3, 3, 64, 1, 3, 3, 1, "SAME", 1),
    (25, 5, 16, 1, 3, 3, 1, "SAME", 1),
    (10, 7, 3, 1, 3, 3, 1, "VALID", 1),
    (24, 24, 4, 1, 3, 3, 1, "SAME", 1),
    (8, 8, 4, 2, 3, 3, 1, "SAME", 1),
    (8, 8, 8, 1, 5, 5, 1, "SAME", 1),
    (9, 9, 6, 1, 5, 5, 2, "VALID", 1),
    (20, 16, 1, 8, 10, 8, 2, "SAME", 1),
    (12, 1, 16, 1, 3, 1, 1, "SAME", 1),
    (12, 1, 32, 1, 5, 1, 1, "VALID", 1),
    (8, 8, 4, 2, 5, 5, 1, "SAME", 1),
    (8, 8, 4, 1, 3, 3, 1, "SAME", 2),
    (4, 4, 16, 1, 4, 4, 1, "VALID", 1),
)
# rows, inputs, outputs
_FULLY_CONNECTED = (
    (1, 16, 16), (1, 64, 12), (1, 128, 4), (1, 640, 16), (4, 32, 16), (1, 7, 3), (1, 256, 1), (1, 128, 128),
    (1, 8, 128), (2, 129, 10), (1, 4000, 4),
)  # fmt: skip
# in_h, in_w, channels, filter_h, filter_w, stride, padding
_POOLS = (
    (8, 8, 16, 2, 2, 2, "SAME"),
    (8, 8, 64, 8, 8, 8, "VALID"),
    (25, 5, 16, 25, 5, 25, "VALID"),
    (3, 3, 64, 3, 3, 3, "VALID"),
    (9, 9, 8, 3, 3, 2, "SAME"),
    (12, 12, 3, 2, 2, 2, "SAME"),
    (10, 10, 5, 3, 3, 1, "SAME"),
    (4, 4, 10, 4, 4, 4, "VALID"),
)
# shapes of both operands; the second is constant
_OPERANDS = (((1, 300), (1, 300)), ((6, 4, 10), (1, 1, 10)), ((40, 3), (40, 1)), ((1, 1500), (1, 1500)))
# shape, axes
_REDUCTIONS = (
    ((1, 8, 8, 16), (1, 2)),
    ((1, 4, 4, 64), (1, 2)),
    ((1, 30, 12), (2,)),
    ((1, 500), (1,)),
    ((4, 9, 7), (0, 2)),
    ((50, 2, 3), (1,)),
)
# inputs, units, rank, memory
# steps, inputs, units
_LSTMS = ((1, 8, 8), (4, 16, 10), (2, 40, 6), (8, 4, 16), (3, 28, 20))
_SVDFS = ((40, 8, 2, 10), (64, 16, 1, 8), (16, 4, 1, 30), (100, 10, 2, 4), (7, 3, 1, 5), (30, 20, 1, 3))


def graph() -> Graph:
    """All layers, side by side: each reads inputs of the graph."""
    b = _Builder()
    layers = (_convolutions, _depthwise, _fully_connected, _pools, _adds, _softmaxes, _pads, _copies)
    for add in (
        *layers,
        _arithmetic,
        _comparisons,
        _tables,
        _reductions,
        _places,
        _slices,
        _transpositions,
        _shuffles,
        _resizes,
        _products,
        _quantizations,
        _svdfs,
        _lstms,
        _wide_layers,
        synthetic_int16.layers,
    ):
        add(b)
    inputs, outputs = tuple(b.inputs.values()), b.ops[-1].outputs
    return Graph("layers", tuple(b.tensors), tuple(b.ops), inputs, outputs, states=tuple(b.states))


def parts(whole: Graph, count: int) -> Iterator[Graph]:
    """The same graph cut into pieces of up to ``count`` layers, for boards with little memory."""
    for at in range(0, len(whole.ops), count):
        ops = whole.ops[at : at + count]
        used = {i for op in ops for i in op.inputs if i >= 0}
        states = tuple(s for s in whole.states if s.read in used)
        there = {t for op in ops for t in op.outputs} | {s.read for s in states}
        inputs = tuple(i for i in sorted(used - there) if whole.tensor(i).data is None)
        yield Graph(whole.name, whole.tensors, ops, inputs, ops[-1].outputs[:1], states=states)


def _size(size: int, taps: int, stride: int, padding: str, dilation: int) -> int:
    return -(-size // stride) if padding == "SAME" else (size - (taps - 1) * dilation + stride - 1) // stride


def _convolutions(b: _Builder) -> None:
    for h, w, c, n, fh, fw, stride, padding, dilation in _CONVOLUTIONS:
        out = (1, _size(h, fh, stride, padding, dilation), _size(w, fw, stride, padding, dilation), n)
        attrs = Convolution(padding, stride, stride, dilation, dilation, "NONE")
        b.layer("CONV_2D", attrs, [b.input((1, h, w, c)), *b.weights((n, fh, fw, c), n, 0)], out)


def _depthwise(b: _Builder) -> None:
    for h, w, c, times, fh, fw, stride, padding, dilation in _DEPTHWISE:
        n = c * times
        out = (1, _size(h, fh, stride, padding, dilation), _size(w, fw, stride, padding, dilation), n)
        attrs = Convolution(padding, stride, stride, dilation, dilation, "NONE", depth_multiplier=times)
        b.layer("DEPTHWISE_CONV_2D", attrs, [b.input((1, h, w, c)), *b.weights((1, fh, fw, n), n, 3)], out)


def _fully_connected(b: _Builder) -> None:
    for rows, inputs, outputs in _FULLY_CONNECTED:
        operands = [b.input((rows, inputs)), *b.weights((outputs, inputs), outputs, 0)]
        b.layer("FULLY_CONNECTED", FullyConnected("NONE", "DEFAULT", False), operands, (rows, outputs))


def _wide_layers(b: _Builder) -> None:
    """Some of the same with int16, every second convolution with sums of 32 bits."""
    for number, (h, w, c, n, fh, fw, stride, padding, dilation) in enumerate(_CONVOLUTIONS[::3]):
        out = (1, _size(h, fh, stride, padding, dilation), _size(w, fw, stride, padding, dilation), n)
        attrs = Convolution(padding, stride, stride, dilation, dilation, "NONE")
        constants = b.weights((n, fh, fw, c), n, 0)[: 1 + number % 2]
        b.layer("CONV_2D", attrs, [b.input((1, h, w, c), 2), *constants], out, _WIDE, "int16")
    for h, w, c, _, fh, fw, stride, padding, dilation in _DEPTHWISE[::3]:
        out = (1, _size(h, fh, stride, padding, dilation), _size(w, fw, stride, padding, dilation), c)
        attrs = Convolution(padding, stride, stride, dilation, dilation, "NONE")
        operands = [b.input((1, h, w, c), 2), b.weights((1, fh, fw, c), c, 3)[0]]
        b.layer("DEPTHWISE_CONV_2D", attrs, operands, out, _WIDE, "int16")
    for rows, inputs, n in _FULLY_CONNECTED[1::3]:
        operands = [b.input((rows, inputs), 2), b.weights((n, inputs), n, 0)[0]]
        b.layer("FULLY_CONNECTED", FullyConnected("NONE", "DEFAULT", False), operands, (rows, n), _WIDE, "int16")


def _pools(b: _Builder) -> None:
    for code in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        for h, w, c, fh, fw, stride, padding in _POOLS:
            out = (1, _size(h, fh, stride, padding, 1), _size(w, fw, stride, padding, 1), c)
            b.layer(code, Pool2D(padding, stride, stride, fh, fw, "NONE"), [b.input((1, h, w, c))], out)


def _adds(b: _Builder) -> None:
    for count in (16, 100, 512, 2048):
        shape = (1, count)
        b.layer("ADD", Add("NONE"), [b.input(shape), b.input(shape, 1)], shape)


def _softmaxes(b: _Builder) -> None:
    for shape in ((1, 2), (1, 4), (1, 10), (3, 12), (1, 100)):
        b.layer("SOFTMAX", Softmax(1.0), [b.input(shape)], shape, Quant((1 / 256,), (-128,)))


def _pads(b: _Builder) -> None:
    for shape, around in (((1, 4, 4, 8), 1), ((1, 10, 10, 3), 2), ((1, 12, 12, 16), 1), ((1, 3, 3, 64), 1)):
        paddings = np.array([[0, 0], [around, around], [around, around], [0, 0]], np.int32)
        out = (1, shape[1] + 2 * around, shape[2] + 2 * around, shape[3])
        b.layer("PAD", Pad(), [b.input(shape), b.tensor((4, 2), None, "int32", paddings)], out)


def _copies(b: _Builder) -> None:
    for count in (16, 100, 1024, 3000):
        b.layer("RESHAPE", Reshape(), [b.input((1, count))], (count,))


def _arithmetic(b: _Builder) -> None:
    fused, plain = Fused("NONE"), Plain()
    same, wider = _QUANT, Quant((0.1,), (3,))
    codes = {"ADD": fused, "SUB": fused, "MUL": fused, "DIV": fused, "MINIMUM": plain, "MAXIMUM": plain}
    for code, attrs in {**codes, "SQUARED_DIFFERENCE": plain, "PRELU": plain}.items():
        for shape, other in _OPERANDS[1:3] if code == "ADD" else _OPERANDS:  # alike, ADD has a kernel of its own
            operands = [b.input(shape), b.tensor(other, same, data=b.noise(other))]
            b.layer(code, attrs, operands, shape, same if code in ("MINIMUM", "MAXIMUM") else wider)


def _comparisons(b: _Builder) -> None:
    for code in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL"):
        for shape, other in _OPERANDS:
            operands = [b.input(shape), b.tensor(other, data=b.noise(other))]
            b.layer(code, Plain(), operands, shape, None, "bool")


def _tables(b: _Builder) -> None:
    for count in (1, 64, 1000, 3000):
        b.layer("TANH", Tanh(), [b.input((1, count))], (1, count), Quant((1 / 128,), (0,)))


def _reductions(b: _Builder) -> None:
    for code in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        for shape, axes in _REDUCTIONS:
            out = tuple(1 if i in axes else n for i, n in enumerate(shape))
            over = b.tensor((len(axes),), None, "int32", np.array(axes, np.int32))
            b.layer(code, Reduce(True), [b.input(shape), over], out, Quant((0.5,), (3,)) if code == "SUM" else _QUANT)


def _places(b: _Builder) -> None:
    for code in ("ARG_MAX", "ARG_MIN"):
        for shape, axes in _REDUCTIONS:
            if len(axes) == 1:
                out = tuple(n for i, n in enumerate(shape) if i not in axes)
                over = b.tensor((1,), None, "int32", np.array(axes, np.int32))
                b.layer(code, NoAttributes(), [b.input(shape), over], out, None, "int32")


def _slices(b: _Builder) -> None:
    for size, part in ((100, 30), (400, 300), (2500, 2400)):
        b.layer("MOVE", Moved(np.arange(size - part, size)), [b.input((1, size))], (1, part))
    for rows, run, whole in ((40, 3, 5), (40, 8, 12), (24, 40, 120), (100, 2, 3)):
        places = np.arange(rows * whole).reshape(rows, whole)[:, :run].reshape(-1)
        b.layer("MOVE", Moved(places), [b.input((rows, whole))], (rows, run))


def _transpositions(b: _Builder) -> None:
    for shape in ((8, 8, 4), (20, 16, 1), (4, 30, 8), (3, 2, 64), (40, 3, 1)):
        places = np.arange(np.prod(shape)).reshape(shape).transpose(1, 0, 2).reshape(-1)
        b.layer("MOVE", Moved(places), [b.input(shape)], (shape[1], shape[0], shape[2]))


def _shuffles(b: _Builder) -> None:
    for runs, run in ((20, 1), (200, 1), (50, 6), (100, 12), (30, 40), (60, 4)):
        order = b.rng.permutation(runs)
        places = (order[:, None] * run + np.arange(run)).reshape(-1)
        b.layer("MOVE", Moved(places), [b.input((1, runs * run))], (1, runs * run))


def _resizes(b: _Builder) -> None:
    for (h, w, c), size in (((4, 4, 8), (8, 8)), ((6, 5, 3), (12, 20)), ((2, 2, 16), (5, 5)), ((10, 10, 1), (20, 20))):
        to = b.tensor((2,), None, "int32", np.array(size, np.int32))
        b.layer("RESIZE_BILINEAR", Resize(False, True), [b.input((1, h, w, c)), to], (1, *size, c))


def _products(b: _Builder) -> None:
    for batch, rows, depth, columns in ((1, 4, 16, 8), (3, 5, 10, 7), (2, 8, 64, 4), (1, 1, 100, 3), (4, 2, 5, 30)):
        operands = [b.input((batch, rows, depth)), b.input((batch, depth, columns), 1)]
        b.layer("BATCH_MATMUL", BatchMatMul(False, False), operands, (batch, rows, columns))


def _quantizations(b: _Builder) -> None:
    """From int8 through int16 and int32 back: up by a factor, down by one, and both between the wide types."""
    for count in (20, 300, 1000):
        x = b.input((1, count))
        for dtype, scale in (("int16", 0.0005), ("int16", 0.002), ("int32", 0.0001), ("int16", 0.002), ("int8", 0.06)):
            x = b.layer("QUANTIZE", Quantize(), [x], (1, count), Quant((scale,), (0,)), dtype)
        wide = b.layer("QUANTIZE", Quantize(), [b.input((1, count))], (1, count), Quant((0.0005,), (0,)), "int32")
        b.layer("QUANTIZE", Quantize(), [wide], (1, count))


def _svdfs(b: _Builder) -> None:
    for inputs, units, rank, memory in _SVDFS:
        filters = units * rank
        for dtype in ("int8", "int16"):
            feature = b.tensor((filters, inputs), Quant((0.01,), (0,)), data=b.noise((filters, inputs)))
            time_weights = b.noise((filters, memory)).astype(dtype)
            time = b.tensor((filters, memory), Quant((0.01,), (0,)), dtype, time_weights)
            state = b.state((1, filters * memory), Quant((0.05,), (0,)), dtype)
            operands = [b.input((1, inputs)), feature, time, -1, state]
            b.layer("SVDF", Svdf(rank, "NONE"), operands, (1, units))
            b.ops[-1] = replace(b.ops[-1], outputs=(*b.ops[-1].outputs, b.states[-1].written))


def _lstms(b: _Builder) -> None:
    for steps, inputs, units in _LSTMS:
        w, r, bias = ([_gate(b, (units, n)) for _ in range(4)] for n in (inputs, units, 0))
        states = [
            b.state((1, units), Quant((scale,), (0,)), dtype)
            for scale, dtype in ((1 / 128, "int8"), (2.0**-11, "int16"))
        ]
        operands = [b.input((1, steps, inputs)), *w, *r, -1, -1, -1, *bias, -1, -1, *states, -1, -1, -1, -1]
        b.layer(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            Lstm("TANH", 0.0, False),
            operands,
            (1, steps, units),
            Quant((1 / 128,), (0,)),
        )
        written = (s.written for s in b.states[-2:])
        b.ops[-1] = replace(b.ops[-1], outputs=(*b.ops[-1].outputs, *written))


def _gate(b: _Builder, shape: tuple[int, int]) -> int:
    """A gate's weights; its bias where they are none."""
    if shape[1]:
        return b.tensor(shape, Quant((0.01,), (0,)), data=b.noise(shape))
    return b.tensor(shape[:1], Quant((0.0005,), (0,)), "int32", b.rng.integers(-999, 999, shape[0]).astype(np.int32))
