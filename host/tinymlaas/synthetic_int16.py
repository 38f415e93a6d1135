"""Layers of int16 without weights for ``synthetic.py``: for each kernel some, small and large."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Quant
from .ops.binary import Fused, Plain
from .ops.leaky_relu import LeakyRelu
from .ops.logistic import Logistic
from .ops.pool import Pool2D
from .ops.reduce import Reduce
from .ops.softmax import Softmax
from .ops.tanh import Tanh

_QUANT, _WIDER, _FRACTION = Quant((0.001,), (0,)), Quant((0.002,), (0,)), Quant((1 / 32768,), (0,))
_INT16 = 2  # number of the inputs of this type
_COUNTS = (1, 40, 400, 1500)
_OPERANDS = (((1, 400), (1, 400)), ((1, 5, 5, 16), (16,)), ((1, 3, 50, 4), (1, 3, 1, 4)), ((1, 30), (1, 30)))
_POOLS = ((8, 8, 8, 2, 2, 2), (6, 6, 16, 6, 6, 1), (10, 10, 3, 3, 3, 1), (12, 4, 5, 2, 1, 1))
_REDUCTIONS = (((1, 6, 6, 16), (1, 2)), ((1, 20, 12), (2,)), ((1, 40, 6), (1,)), ((1, 400), (1,)))


def layers(b: Any) -> None:
    """Add all of them; b: a ``synthetic._Builder``."""
    for add in (_pairs, _functions, _pools, _reductions):
        add(b)


def _pairs(b: Any) -> None:
    fused, plain = Fused("NONE"), Plain()
    codes = {"ADD": fused, "SUB": fused, "MUL": fused, "MINIMUM": plain, "MAXIMUM": plain, "SQUARED_DIFFERENCE": plain}
    for code, attrs in codes.items():
        for shape, other in _OPERANDS:
            data = b.rng.integers(-32768, 32768, other).astype(np.int16)
            operands = [b.input(shape, _INT16), b.tensor(other, _QUANT, "int16", data)]
            b.layer(code, attrs, operands, shape, _QUANT if code in ("MINIMUM", "MAXIMUM") else _WIDER, "int16")


def _functions(b: Any) -> None:
    for count in _COUNTS:
        source, shape = [b.input((1, count), _INT16)], (1, count)
        b.layer("LEAKY_RELU", LeakyRelu(0.2), source, shape, _WIDER, "int16")
        b.layer("LOGISTIC", Logistic(), source, shape, _FRACTION, "int16")
        b.layer("TANH", Tanh(), source, shape, _FRACTION, "int16")
        b.layer("SOFTMAX", Softmax(1.0), source, shape, _FRACTION, "int16")
    b.layer("SOFTMAX", Softmax(1.0), [b.input((30, 3), _INT16)], (30, 3), _FRACTION, "int16")


def _pools(b: Any) -> None:
    for code in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        for h, w, c, fh, fw, stride in _POOLS:
            out = (1, (h - fh) // stride + 1, (w - fw) // stride + 1, c)
            attrs = Pool2D("VALID", stride, stride, fh, fw, "NONE")
            b.layer(code, attrs, [b.input((1, h, w, c), _INT16)], out, _QUANT, "int16")


def _reductions(b: Any) -> None:
    for code in ("MEAN", "SUM"):
        for shape, axes in _REDUCTIONS:
            out = tuple(1 if i in axes else n for i, n in enumerate(shape))
            over = b.tensor((len(axes),), None, "int32", np.array(axes, np.int32))
            b.layer(code, Reduce(True), [b.input(shape, _INT16), over], out, Quant((0.01,), (0,)), "int16")
