"""Predicted cost of a finished module, layer by layer, from its records alone: nothing of it is stored in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .graph import Op
from .plan import Step
from .report import Layer, layers
from .target import Board, accepts, load_boards
from .unpack import Module, figures_of
from .variants import cost

# What a prediction counts, by kernel target. The others (`any`, `x64`) have no core to count on.
UNITS = {"m0plus": "cycles", "m3": "instructions", "m4": "instructions", "rv32": "instructions"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted cost on one board: ``unit`` is cycles or executed instructions, times are in microseconds.

    us_per_unit: 0 where there is no basis for a time: a clock or a figure of cycles per instruction is missing.
    basis: how the time follows from the count, in a few words; empty without a time.
    """

    board: str
    unit: str
    layers: tuple[float, ...]
    us_per_unit: float
    basis: str

    @property
    def total(self) -> float:
        """Of all layers, in ``unit``."""
        return sum(self.layers)

    @property
    def time_us(self) -> float | None:
        """Of all layers; None where there is no basis for it."""
        return self.total * self.us_per_unit if self.us_per_unit else None


def predict(module: Module, board: Board) -> Prediction | None:
    """What one inference costs on a board, or None where nothing is known: wrong target, or a core without a cost model."""
    target = board.kernel_target
    if target not in UNITS or not accepts(target, module.target):
        return None
    with figures_of(module):
        costs = layer_costs(module, target)
    return Prediction(board.id, UNITS[target], costs, *_time(board))


def layer_costs(module: Module, target: str) -> tuple[float, ...]:
    """Of every layer on a core of a kernel target, in ``UNITS[target]``."""
    return tuple(cost(step, target) for step in steps(module))


def predictions(module: Module, boards: Iterable[Board] | None = None) -> list[Prediction]:
    """The boards that run a module and have a cost model, in the order of their names."""
    known = load_boards().values() if boards is None else boards
    return [p for p in (predict(module, board) for board in known) if p is not None]


def _time(board: Board) -> tuple[float, str]:
    """(Microseconds of a cycle or instruction, basis); (0, "") where the board does not say enough."""
    if not board.clock_hz:
        return 0.0, ""
    clock = f"at {board.clock_hz / 1e6:g} MHz"
    if UNITS[board.kernel_target] == "cycles":
        return 1e6 / board.clock_hz, f"{clock}, without flash cache misses"
    if board.cycles_per_instruction:
        basis = f"{clock}, estimate: {board.cycles_per_instruction:g} cycles per instruction, no wait states"
        return 1e6 * board.cycles_per_instruction / board.clock_hz, basis
    return 0.0, ""


def steps(module: Module) -> list[Step]:
    """The records as the steps they were packed from, as far as cost functions look at them."""
    pairs = zip(module.records, layers(module), strict=True)
    return [_step(module, operator, fields, layer) for (operator, fields), layer in pairs]


def _step(module: Module, operator: str, fields: dict[str, Any], layer: Layer) -> Step:
    at, size = fields.get("aux", 0), fields.get("aux_bytes", 0)
    return Step(
        operator,
        Op(operator, "", layer.index, (), (), None),
        fields,
        {},
        {"aux": module.data[at : at + size]} if size else {},
        layer.scratch_bytes,
        layer.macs,
        layer.writes[1],
        layer.kernel,
    )
