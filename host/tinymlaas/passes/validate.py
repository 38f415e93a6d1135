"""What must hold for every graph between importer and planner."""

from __future__ import annotations

from ..errors import PlanError, TinymlError
from ..graph import Graph, Op
from ..ops import OPS
from ..planfmt import DTYPES


def validate(graph: Graph, when: str) -> None:
    """Raises PlanError, naming the place and ``when``, if the graph is not well-formed."""
    try:
        _check_views(graph)
        _check_order(graph)
        for op in graph.ops:
            OPS[op.code].check(graph, op)
    except (TinymlError, IndexError, KeyError) as error:
        raise PlanError(f"{graph.name}: inconsistent {when}: {error!r}; please report this model") from error


def _check_views(graph: Graph) -> None:
    for index, tensor in enumerate(graph.tensors):
        if tensor.storage < 0:
            continue
        seen, at = {index}, tensor.storage
        while at >= 0:
            if at in seen:
                raise PlanError(f"tensor {index} is a view of itself")
            seen.add(at)
            at = graph.tensors[at].storage
        root = graph.tensor(graph.storage(index))
        if tensor.data is not None or root.data is not None or (tensor.bytes, tensor.dtype) != (root.bytes, root.dtype):
            raise PlanError(f"tensor {index} '{tensor.name}' is a view of '{root.name}', which differs in size or type")


def _check_order(graph: Graph) -> None:
    """Every activation, seen through views, is written once and before it is read."""
    written = {graph.storage(t) for t in (*graph.inputs, *(s.read for s in graph.states))}
    for op in graph.ops:
        for t in op.inputs:
            _check_read(graph, op, t, written)
        for t in op.outputs:
            if graph.storage(t) in written or graph.tensor(t).data is not None:
                raise PlanError(f"layer {op.index} writes tensor {t}, which is a constant or already written")
            written.add(graph.storage(t))
    for t in (*graph.outputs, *(s.written for s in graph.states)):
        if graph.storage(t) not in written:
            raise PlanError(f"nothing writes the output tensor {t}")


def _check_read(graph: Graph, op: Op, index: int, written: set[int]) -> None:
    if index < 0 or graph.tensor(index).data is not None:
        return
    if graph.storage(index) not in written:
        raise PlanError(f"layer {op.index} reads tensor {index} before it is written")
    if graph.tensor(index).dtype not in DTYPES:
        raise PlanError(f"layer {op.index} reads tensor {index} of type {graph.tensor(index).dtype}")
