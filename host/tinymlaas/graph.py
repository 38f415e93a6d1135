"""The graph between importer and planner: tensors and operators, immutable; passes return new ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .planfmt import DTYPE_BYTES

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Quant:
    """real = scale * (q - zero_point); one entry, or one per slice along ``axis``."""

    scales: tuple[float, ...]  # as float32 in the file, held exactly
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return len(self.scales) > 1

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantisation."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantisation."""
        return self.zero_points[0]


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value: activation (``data`` is None) or constant.

    ``dtype`` is TFLite's name in lower case; what passes an operator's check is a key of ``planfmt.DTYPES``.
    ``storage`` >= 0 makes it a view: another shape for the bytes of that tensor, with no memory of its own.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quant: Quant | None = None
    data: Array | None = None
    storage: int = -1

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return self.size * DTYPE_BYTES[self.dtype]


def storage_of(tensors: Sequence[Tensor], index: int) -> int:
    """The tensor whose bytes a tensor is: itself, or what it is a view of."""
    while tensors[index].storage >= 0:
        index = tensors[index].storage
    return index


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One operator: TFLite's name, tensor indices (-1: an absent optional input), attributes of ``ops/<op>.py``."""

    code: str
    name: str
    index: int  # number of the layer in the user's file, for messages
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: Any


@dataclass(frozen=True, slots=True)
class State:
    """A variable: the tensor that holds what the last run left, the one that becomes that, and the bytes before the first run."""

    read: int
    written: int
    initial: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Operators in an order that can be executed."""

    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    states: tuple[State, ...] = ()

    @property
    def pinned(self) -> set[int]:
        """Tensors that others may not replace: inputs, outputs, and what states are read from and written to."""
        return {*self.inputs, *self.outputs, *(t for s in self.states for t in (s.read, s.written))}

    def tensor(self, index: int) -> Tensor:
        """The tensor of an index."""
        return self.tensors[index]

    def storage(self, index: int) -> int:
        """The tensor whose bytes a tensor is: itself, or what it is a view of."""
        return storage_of(self.tensors, index)

    def operands(self, op: Op) -> list[Tensor | None]:
        """The input tensors of an operator; None for an absent one."""
        return [self.tensors[i] if i >= 0 else None for i in op.inputs]

    def producers(self) -> dict[int, Op]:
        """The operator that writes each tensor that is written."""
        return {t: op for op in self.ops for t in op.outputs}

    def producer(self, index: int) -> Op | None:
        """The operator that writes a tensor by this index."""
        return next((op for op in self.ops if index in op.outputs), None)

    def consumers(self, index: int) -> list[Op]:
        """The operators that read a tensor by this index."""
        return [op for op in self.ops if index in op.inputs]

    def with_ops(self, ops: Iterable[Op]) -> Graph:
        """The same graph with other operators."""
        return replace(self, ops=tuple(ops))

    def replacing(self, old: Op, new: Iterable[Op], tensors: Iterable[Tensor] | None = None) -> Graph:
        """The same graph with others in the place of one operator, and with other tensors where they are given."""
        found = tuple(new)
        ops = tuple(one for op in self.ops for one in (found if op is old else (op,)))
        return replace(self, ops=ops, tensors=self.tensors if tensors is None else tuple(tensors))
