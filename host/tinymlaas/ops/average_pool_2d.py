"""AVERAGE_POOL_2D over the part of the window inside the image, rounded half away from zero."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Graph, Op
from . import pool
from .base import OpSpec
from .checks import activation_limits, output, present


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    image = present(inputs[0])
    w = pool.window(graph, op)
    inside = np.ones(image.shape, np.int64)
    total = sum(tap for _, _, tap in w.taps(image.astype(np.int64), 0)) + np.zeros(
        (w.out_h, w.out_w, w.out_c), np.int64
    )
    count = sum(tap for _, _, tap in w.taps(inside, 0)) + np.zeros_like(total)
    mean = np.sign(total) * ((np.abs(total) + count // 2) // count)
    limits = activation_limits(graph, op, op.attrs.activation)
    return [np.clip(mean, *limits).astype(image.dtype).reshape(output(graph, op).shape)]


SPEC = OpSpec("AVERAGE_POOL_2D", pool.parse, pool.check, _evaluate, pool.lower, pool.macs)
