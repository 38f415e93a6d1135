"""What operators share that only move elements: their numpy definition, run on places instead of values, says what goes where.

``lower`` numbers all elements of the inputs, lets the definition move the numbers, and reads from the result how the kernel MOVE has
to stride through input and output; an order that has no strides becomes GATHER, a list of places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import Array, Graph, Op, Tensor
from ..plan import Step
from ..planfmt import DTYPE_BYTES, DTYPES
from ..tflite.reader import Table
from .base import OpSpec
from .checks import constant, inconsistent, operand, output, present, quant_of, refuse, values

_RANK = 4  # of the record
_FEW, _MANY = 4, 64  # records that are better than a list of places; records that are acceptable
FILL = -1  # in place of an element of the input: the output's zero point

# (graph, op, inputs, what stands for the output's zero point) → outputs: numpy that moves elements of any type.
Move = Callable[[Graph, Op, list[Array | None], int], list[Array]]
# Count, stride in the input, stride in the output.
Dimension = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that go from strided places of the input to strided places of the output; dimensions outermost first."""

    source: int
    target: int
    dimensions: tuple[Dimension, ...]


def spec(
    code: str,
    parse: Callable[[Table], Any],
    check: Callable[[Graph, Op], None],
    move: Move,
    moved: Callable[[Op], tuple[int, ...]] = lambda op: (0,),
) -> OpSpec:
    """An operator that moves elements; ``moved``: positions of the inputs that hold them, the others are parameters."""

    def evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
        quant = output(graph, op).quant
        outputs = move(graph, op, inputs, quant.zero_point if quant else 0)
        return [x.reshape(graph.tensor(t).shape) for x, t in zip(outputs, op.outputs, strict=True)]

    def lower(graph: Graph, op: Op, target: str) -> tuple[Step, ...]:
        return lower_places(graph, op, places(graph, op, move, moved(op)), moved(op))

    def numbered(graph: Graph, op: Op) -> list[Array]:
        return places(graph, op, move, moved(op))

    return OpSpec(code, parse, check, evaluate, lower, lambda graph, op: 0, places=numbered, moved=moved)


def check_moved(graph: Graph, op: Op, position: int = 0, role: str = "input") -> Tensor:
    """Check that an input is an activation of a type that modules know, with elements, and that the first output has its type."""
    source, result = operand(graph, op, position, role), output(graph, op)
    if source.dtype not in DTYPES or source.size == 0 or result.size == 0:
        shapes = f"{source.dtype} {list(source.shape)} to {list(result.shape)}"
        raise refuse(graph, op, f"{role} '{source.name}' goes from {shapes}", "quantise the model to int8")
    if result.dtype != source.dtype:
        raise inconsistent(graph, op, f"moves {source.dtype} into {result.dtype}")
    return source


def check_shapes(graph: Graph, op: Op, move: Move, moved: tuple[int, ...] = (0,)) -> None:
    """Check the shapes of all outputs against what the definition gives."""
    inputs: list[Array | None] = [graph.tensor(t).data if t >= 0 else None for t in op.inputs]
    for position in moved:
        inputs[position] = np.broadcast_to(np.int8(0), graph.tensor(op.inputs[position]).shape)
    try:
        expected = [list(x.shape) for x in move(graph, op, inputs, 0)]
    except (ValueError, IndexError) as error:
        shapes = [list(graph.tensor(op.inputs[i]).shape) for i in moved]
        raise inconsistent(graph, op, f"inputs of shapes {shapes}: {error}") from error
    found = [list(graph.tensor(t).shape) for t in op.outputs]
    if found != expected:
        raise inconsistent(graph, op, f"outputs of shapes {found}, expected {expected}")


def check_size(graph: Graph, op: Op, elements: int) -> None:
    """Check that the output has so many elements, before the definition makes them: what a damaged file asks for may be any size."""
    if elements != output(graph, op).size:
        found = f"{output(graph, op).size} of {list(output(graph, op).shape)}"
        raise inconsistent(graph, op, f"makes {elements} elements, the output has {found}")


def parameter(graph: Graph, op: Op, position: int, role: str) -> list[int]:
    """Check that an input is a constant list of integers, and return it."""
    tensor = constant(graph, op, position, role, ("int32", "int64"))
    found: list[int] = values(tensor).reshape(-1).tolist()
    return found


def integers(value: Array | None) -> list[int]:
    """The values of a parameter that ``check`` has found to be integers."""
    found: list[int] = present(value).reshape(-1).tolist()
    return found


def places(graph: Graph, op: Op, move: Move, moved: tuple[int, ...]) -> list[Array]:
    """For each output the numbers of the elements that it takes: those of the moved inputs, counted through, or FILL."""
    inputs: list[Array | None] = [graph.tensor(t).data if t >= 0 else None for t in op.inputs]
    first = 0
    for position in moved:
        tensor = graph.tensor(op.inputs[position])
        inputs[position] = np.arange(first, first + tensor.size).reshape(tensor.shape)
        first += tensor.size
    return [x.reshape(-1) for x in move(graph, op, inputs, FILL)]


@dataclass(frozen=True, slots=True)
class NoAttributes:
    """Everything is said by operands."""


def no_attributes(options: Table) -> NoAttributes:
    """Parses nothing."""
    return NoAttributes()


def lower_places(
    graph: Graph, op: Op, taken: list[Array], moved: tuple[int, ...], filling: int | None = None
) -> tuple[Step, ...]:
    """The steps that put elements in their places; ``taken``: as ``places``, for each output; ``filling``: None: the zero point."""
    steps: list[Step] = []
    for tensor, numbers in zip(op.outputs, taken, strict=True):
        if (numbers == FILL).any():
            value = _zero_point(graph.tensor(tensor)) if filling is None else filling
            steps.append(fill(graph, op, tensor, value))
        first = 0
        for position in moved:
            size = graph.tensor(op.inputs[position]).size
            here = np.flatnonzero((numbers >= first) & (numbers < first + size))
            steps += _steps(graph, op, op.inputs[position], tensor, numbers[here] - first, here)
            first += size
    return tuple(steps)


def fill(graph: Graph, op: Op, tensor: int, value: int) -> Step:
    """All elements of the output become one: a constant that is read again and again, of one byte where all its bytes are alike."""
    result = graph.tensor(tensor)
    item, data = DTYPE_BYTES[result.dtype], np.array([value]).astype(result.dtype).tobytes()
    same = len(set(data)) == 1
    piece = Piece(0, 0, ((result.bytes, 0, 1),) if same else ((result.size, 0, item), (item, 1, 1)))
    data = data[:1] if same else data
    return Step("MOVE", op, _fields(piece, constant=True), {"output": graph.storage(tensor)}, {"input": data})


def _zero_point(tensor: Tensor) -> int:
    return quant_of(tensor).zero_point if tensor.quant else 0


def _steps(graph: Graph, op: Op, source: int, target: int, taken: Array, put: Array) -> list[Step]:
    """Elements ``taken`` of one input go to elements ``put`` of one output."""
    if not taken.size:
        return []
    item = DTYPE_BYTES[graph.tensor(source).dtype]
    ins, outs = (_bytes(x, item) for x in (taken, put))
    pieces = _pieces(ins, outs, _rows(graph.tensor(target)))
    constant = graph.tensor(source).data
    whole = put.size == graph.tensor(target).size and constant is None
    if whole and len(pieces) > _FEW:
        return [_gather(graph, op, source, target, ins)]
    if len(pieces) > _MANY:
        raise refuse(graph, op, f"moves elements in {len(pieces)} pieces", f"supported are {_MANY}")
    return [move_piece(graph, op, source, target, piece) for piece in pieces]


def _bytes(elements: Array, item: int) -> Array:
    """Places of elements as places of their bytes."""
    return (elements[:, None] * item + np.arange(item)).reshape(-1)


def _rows(tensor: Tensor) -> tuple[int, ...]:
    """Bytes from one to the next along each dimension, outermost first."""
    return tuple(tensor.bytes // math.prod(tensor.shape[: i + 1]) for i in range(len(tensor.shape)))


def _pieces(ins: Array, outs: Array, rows: tuple[int, ...]) -> list[Piece]:
    """As few pieces as possible, each with no more dimensions than the record; ``rows``: of the output, to cut between."""
    found = _dimensions(ins, outs)
    if found is not None:
        return _split(Piece(int(ins[0]), int(outs[0]), found))
    if not rows:
        return [Piece(int(i), int(o), ()) for i, o in zip(ins[: _MANY + 1], outs, strict=False)]
    cuts = np.flatnonzero(np.diff(outs // rows[0])) + 1
    parts = zip(np.split(ins, cuts), np.split(outs, cuts), strict=True)
    return [piece for part in parts for piece in _pieces(*part, rows[1:])]


def _dimensions(ins: Array, outs: Array) -> tuple[Dimension, ...] | None:
    """Dimensions of a movement with constant strides, outermost first; None when there are none."""
    found: list[Dimension] = []
    while ins.size > 1:
        a, b = int(ins[1] - ins[0]), int(outs[1] - outs[0])
        breaks = np.flatnonzero((np.diff(ins) != a) | (np.diff(outs) != b)) + 1
        count = math.gcd(ins.size, *breaks.tolist())
        if count == 1:
            return None
        found.append((count, a, b))
        ins, outs = ins[::count], outs[::count]
    return tuple(found[::-1])


def _split(piece: Piece) -> list[Piece]:
    """Pieces of up to four dimensions: of more, the shortest is taken apart."""
    if len(piece.dimensions) <= _RANK:
        return [piece]
    at = min(range(len(piece.dimensions)), key=lambda i: piece.dimensions[i][0])
    count, a, b = piece.dimensions[at]
    rest = piece.dimensions[:at] + piece.dimensions[at + 1 :]
    parts = [Piece(piece.source + i * a, piece.target + i * b, rest) for i in range(count)]
    return [part for whole in parts for part in _split(whole)]


def _fields(piece: Piece, constant: bool) -> dict[str, Any]:
    dimensions = [(1, 0, 0)] * (_RANK - len(piece.dimensions)) + list(piece.dimensions)
    counts, ins, outs = (list(x) for x in zip(*dimensions, strict=True))
    return {"count": counts, "in_stride": ins, "out_stride": outs, "constant": int(constant)}


def move_piece(graph: Graph, op: Op, source: int, target: int, piece: Piece) -> Step:
    """One piece of an input, or of a constant, goes to the output."""
    data = graph.tensor(source).data
    operands = {"output": graph.storage(target)} | ({} if data is not None else {"input": graph.storage(source)})
    constants = {"input": data.tobytes()} if data is not None else {}
    offsets = {"input": piece.source, "output": piece.target}
    return Step("MOVE", op, _fields(piece, data is not None), operands, constants, offsets=offsets)


def _gather(graph: Graph, op: Op, source: int, target: int, ins: Array) -> Step:
    breaks = np.flatnonzero(np.diff(ins) != 1) + 1
    run = math.gcd(ins.size, *breaks.tolist())
    offsets = ins[::run].astype("<u4")
    fields = {"count": offsets.size, "run": run, "in_bytes": graph.tensor(source).bytes}
    operands = {"input": graph.storage(source), "output": graph.storage(target)}
    return Step("GATHER", op, fields, operands, {"offsets": offsets.tobytes()})
