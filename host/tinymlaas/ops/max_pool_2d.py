"""MAX_POOL_2D over the part of the window inside the image."""

from __future__ import annotations

from functools import reduce

import numpy as np

from .. import quant as q
from ..graph import Array, Graph, Op
from . import pool
from .base import OpSpec
from .checks import activation_limits, output, present


def _evaluate(graph: Graph, op: Op, inputs: list[Array | None]) -> list[Array]:
    image = present(inputs[0])
    taps = (tap for _, _, tap in pool.window(graph, op).taps(image, q.LIMITS[image.dtype.name][0]))
    limits = activation_limits(graph, op, op.attrs.activation)
    return [np.clip(reduce(np.maximum, taps), *limits).astype(image.dtype).reshape(output(graph, op).shape)]


SPEC = OpSpec("MAX_POOL_2D", pool.parse, pool.check, _evaluate, pool.lower, pool.macs)
