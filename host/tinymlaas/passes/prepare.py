"""What is done before operators are checked: constants computed, floats at the ends and batches of pixels folded away, batches of images
and groups of channels taken apart.

The model that comes out is the one whose answers count: it takes and gives the integers that the device takes and gives.
"""

from __future__ import annotations

from ..graph import Graph
from . import drop_dead, fold_batches, fold_constants, fold_ends, split_groups, split_images


def prepare(graph: Graph) -> Graph:
    """The graph as operators are checked, evaluated and lowered."""
    for step in (fold_constants, fold_ends, fold_batches, split_images, split_groups, drop_dead):
        graph = step.run(graph, "")
    return graph
