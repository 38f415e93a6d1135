"""What an operator file offers to the importer, the evaluator and the planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..graph import Array, Graph, Op
from ..plan import Step
from ..tflite.reader import Table


@dataclass(frozen=True, slots=True)
class OpSpec:
    """One operator; each ``ops/<op>.py`` defines one as ``SPEC``.

    parse: options table of the file (an empty one when it has none) → attributes dataclass. Translates only.
    check: (graph, op) → None; raises UnsupportedError naming layer, operator, reason and what to change, or ModelError.
    evaluate: (graph, op, input arrays) → output arrays, in numpy: the definition, equal to TFLite Micro bit for bit.
    lower: (graph, op, target) → Step for a kernel target, or several that run one after the other.
    macs: (graph, op) → multiply-accumulates.
    places: of operators that only move elements, (graph, op) → for each output the number of the element that each of its elements
    is, counted through the inputs at the positions of ``moved``; -1 for the output's zero point.
    states: positions of the inputs that the operator keeps for itself between runs. The importer makes states of the graph of them,
    whose next values are further outputs, behind the file's, in the same order.
    """

    code: str
    parse: Callable[[Table], Any]
    check: Callable[[Graph, Op], None]
    evaluate: Callable[[Graph, Op, list[Array | None]], list[Array]]
    lower: Callable[[Graph, Op, str], Step | tuple[Step, ...]]
    macs: Callable[[Graph, Op], int]
    places: Callable[[Graph, Op], list[Array]] | None = field(default=None, kw_only=True)
    moved: Callable[[Op], tuple[int, ...]] = field(default=lambda op: (0,), kw_only=True)
    states: tuple[int, ...] = field(default=(), kw_only=True)
