"""What is done before operators are checked: constants computed, floats at the ends and batches of pixels folded away.

The model that comes out is the one whose answers count: it takes and gives the integers that the device takes and gives.
"""

from __future__ import annotations

from ..graph import Graph
from . import drop_dead, fold_batches, fold_constants, fold_ends


def prepare(graph: Graph) -> Graph:
    """The graph as operators are checked, evaluated and lowered."""
    for step in (fold_constants, fold_ends, fold_batches, drop_dead):
        graph = step.run(graph, "")
    return graph
