"""MINIMUM and MAXIMUM of operands that are quantised alike."""

from __future__ import annotations

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from . import binary
from .checks import output, quant_of, refuse


def _check(graph: Graph, op: Op) -> None:
    binary.check_operands(graph, op, tuple(q.LIMITS))
    quants = [quant_of(t) for t in (*(graph.tensor(i) for i in op.inputs), output(graph, op))]
    if len({(x.scale, x.zero_point) for x in quants}) > 1:
        scales = ", ".join(f"{x.scale:g}/{x.zero_point}" for x in quants)
        raise refuse(graph, op, f"scales and zero points {scales}", "supported are operands quantised alike")


def _minimum(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    return np.minimum(a, b).astype(output(graph, op).dtype)


def _maximum(graph: Graph, op: Op, a: Array, b: Array) -> Array:
    return np.maximum(a, b).astype(output(graph, op).dtype)


def _numbers(graph: Graph, op: Op) -> dict[str, int]:
    return {}


SPECS = (
    binary.spec("MINIMUM", binary.parse_plain, _check, _minimum, _numbers),
    binary.spec("MAXIMUM", binary.parse_plain, _check, _maximum, _numbers),
)
