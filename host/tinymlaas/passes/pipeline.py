"""The passes, in order, with the IR checked between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..graph import Graph
from . import (
    constant_matmul,
    drop_dead,
    flatten_conv,
    fold_pad,
    fold_reshape,
    fuse_relu,
    join_moves,
    split_transpose_conv,
)
from .validate import validate

Pass = Callable[[Graph, str], Graph]

PASSES: tuple[Pass, ...] = (
    constant_matmul.run,
    fuse_relu.run,
    split_transpose_conv.run,
    join_moves.run,
    drop_dead.run,
    fold_pad.run,
    flatten_conv.run,
    fold_reshape.run,
    drop_dead.run,
)


def run_passes(graph: Graph, target: str, passes: Sequence[Pass] = PASSES) -> Graph:
    """The graph after all passes. Raises PlanError when a pass left it inconsistent: a defect of tinymlaas."""
    for step in passes:
        graph = step(graph, target)
        validate(graph, f"after {step.__module__.rpartition('.')[2]}")
    return graph
