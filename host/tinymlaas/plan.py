"""What the device will execute: records with their constants, before and after memory is assigned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .graph import Op, State, Tensor, storage_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kernel that was considered for a layer: its predicted cost, or why it was refused."""

    variant: str  # key of planfmt.VARIANTS
    cost: float = 0.0  # cycles or executed instructions, as Step.cost
    scratch_bytes: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operator lowered for a target.

    ``fields`` are values of the operator's record layout (``planfmt.RECORDS``). Arena offsets and file offsets are not among them:
    ``operands`` maps a field name (``input``, ``output``, ``input2``) to a tensor index of the graph, and ``constants`` maps a field
    name (``weights``, ``channels``, ``aux``) to the bytes it will point to. ``scratch_bytes`` asks for arena space during this step.
    ``offsets`` are added to where an operand or constant starts, in bytes. An operator may take several steps, one after the other.
    """

    operator: str  # key of planfmt.OPERATORS
    op: Op
    fields: dict[str, Any]
    operands: dict[str, int]
    constants: dict[str, bytes] = field(default_factory=dict)
    scratch_bytes: int = 0
    macs: int = 0
    outputs: int = 0  # elements written
    variant: str = "plain"  # key of planfmt.VARIANTS
    cost: float = 0.0  # predicted cycles or executed instructions: predict.UNITS of the target
    candidates: tuple[Candidate, ...] = ()  # this kernel and those it was chosen from
    offsets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a tensor or a scratch lies in the arena and when it is alive: from ``first`` to ``last`` step, both included."""

    name: str
    bytes: int
    first: int
    last: int
    offset: int = -1
    tensor: int = -1  # index in the graph of the tensor that owns the bytes; -1: scratch


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A schedule with memory assigned; ``pack`` turns it into bytes."""

    name: str
    target: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]
    spans: tuple[Span, ...]
    arena_bytes: int
    lower_bound_bytes: int  # largest sum of live tensors, without scratch
    metadata: dict[str, Any]
    states: tuple[State, ...] = ()
    state_bytes: int = 0  # of the arena's start
    _places: dict[int, Span] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {s.tensor: s for s in reversed(self.spans)})

    def offset(self, tensor: int) -> int:
        """Arena offset of a tensor, or of what it is a view of."""
        return self.span(tensor).offset

    def span(self, tensor: int) -> Span:
        """Where the bytes of a tensor lie; spans name the tensor that is not a view."""
        storage = storage_of(self.tensors, tensor)
        return self._places[storage]
