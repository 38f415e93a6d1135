"""Layers that no output depends on, and tensors that nobody refers to, are left out; what stays is numbered anew."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op, Tensor


def run(graph: Graph, target: str) -> Graph:
    """Keep what the outputs need, and the model's inputs."""
    ops = _live_ops(graph)
    used = set(graph.inputs) | set(graph.outputs) | {t for op in ops for t in (*op.inputs, *op.outputs) if t >= 0}
    used |= {t for s in graph.states for t in (s.read, s.written)}
    used |= {graph.storage(t) for t in used}
    number = {old: new for new, old in enumerate(sorted(used))}
    tensors = tuple(_renumbered(graph, old, number) for old in number)
    return replace(
        graph,
        tensors=tensors,
        ops=tuple(replace(op, inputs=_map(op.inputs, number), outputs=_map(op.outputs, number)) for op in ops),
        inputs=_map(graph.inputs, number),
        outputs=_map(graph.outputs, number),
        states=tuple(replace(s, read=number[s.read], written=number[s.written]) for s in graph.states),
    )


def _live_ops(graph: Graph) -> list[Op]:
    needed = {graph.storage(t) for t in (*graph.outputs, *(s.written for s in graph.states))}
    live: list[Op] = []
    for op in reversed(graph.ops):
        if any(graph.storage(t) in needed for t in op.outputs):
            live.append(op)
            needed |= {graph.storage(t) for t in op.inputs if t >= 0}
    return live[::-1]


def _renumbered(graph: Graph, index: int, number: dict[int, int]) -> Tensor:
    tensor = graph.tensor(index)
    return replace(tensor, storage=number[graph.storage(index)]) if tensor.storage >= 0 else tensor


def _map(indices: tuple[int, ...], number: dict[int, int]) -> tuple[int, ...]:
    return tuple(number[i] if i >= 0 else -1 for i in indices)
