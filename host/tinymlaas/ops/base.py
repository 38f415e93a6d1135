"""What an operator file offers to the importer, the evaluator and the planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    """

    code: str
    parse: Callable[[Table], Any]
    check: Callable[[Graph, Op], None]
    evaluate: Callable[[Graph, Op, list[Array | None]], list[Array]]
    lower: Callable[[Graph, Op, str], Step | tuple[Step, ...]]
    macs: Callable[[Graph, Op], int]
