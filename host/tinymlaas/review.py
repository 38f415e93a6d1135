"""What of a ``.tflite`` would run and what would not, layer by layer, before anything is compiled: also where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from .compile import plain_steps
from .errors import TinymlError
from .graph import Graph, Op
from .ops import OPS
from .passes import split_transpose_conv
from .passes.prepare import prepare
from .tflite.importer import read


@dataclass(frozen=True, slots=True)
class Finding:
    """One layer of the file. kernels: what the device would run for it, before passes; none where it is folded away or refused."""

    index: int
    name: str
    operator: str
    kernels: tuple[str, ...] = ()
    refused: str = ""  # why, and what to change


def review(data: bytes, name: str) -> list[Finding]:
    """Every layer of the file. Raises ModelError, or UnsupportedError where there is no graph to look at."""
    source = read(data, name, strict=False)
    graph = prepare(source)
    left: dict[int, list[Op]] = {}
    for op in graph.ops:
        left.setdefault(op.index, []).append(op)
    return [_find(graph, op, left.get(op.index, [])) for op in source.ops]


def _find(graph: Graph, op: Op, left: list[Op]) -> Finding:
    """left: what the layer has become."""
    if op.code not in OPS:
        return Finding(op.index, op.name, op.code, refused=str(op.attrs))
    if not left:
        return Finding(op.index, op.name, op.code)
    try:
        for one in left:
            OPS[one.code].check(graph, one)
        alone = split_transpose_conv.run(graph.with_ops(left), "any")
        kernels = tuple(dict.fromkeys(s.operator for op in alone.ops for s in plain_steps(alone, op, "any")))
    except TinymlError as error:
        return Finding(op.index, op.name, op.code, refused=_reason(str(error), left))
    return Finding(op.index, op.name, op.code, kernels)


def _reason(text: str, left: list[Op]) -> str:
    """Without the name of the layer, which stands beside it."""
    found = (text.partition(f"({op.code}): ")[2] for op in left)
    return next((reason for reason in found if reason), text)
