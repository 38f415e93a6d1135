"""What an operator file offers to the importer, the evaluator and the planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..graph import Array, Graph, Op
from ..plan import Step


@dataclass(frozen=True, slots=True)
class OpSpec:
    """One operator; each ``ops/<op>.py`` defines one as ``SPEC``.

    parse: options table of the flatbuffer (or None) → attributes dataclass. Translates only.
    check: (graph, op) → None; raises UnsupportedError naming layer, operator, reason and what to change, or ModelError.
    evaluate: (graph, op, input arrays) → output arrays, plain numpy int arithmetic: the definition, equal to TFLite Micro bit for bit.
    lower: (graph, op, target) → Step for a kernel target.
    macs: (graph, op) → multiply-accumulates.
    """

    code: str
    parse: Callable[[Any], Any]
    check: Callable[[Graph, Op], None]
    evaluate: Callable[[Graph, Op, list[Array | None]], list[Array]]
    lower: Callable[[Graph, Op, str], Step]
    macs: Callable[[Graph, Op], int]
