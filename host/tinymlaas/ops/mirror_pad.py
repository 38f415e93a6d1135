"""MIRROR_PAD and REVERSE_V2: what is mirrored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..graph import Array, Graph, Op
from ..tflite import schema
from ..tflite.reader import Table
from . import movement
from .checks import inconsistent, operand_count, present

_MODES: tuple[Literal["reflect"], Literal["symmetric"]] = ("reflect", "symmetric")


@dataclass(frozen=True, slots=True)
class MirrorPad:
    """Attributes; mode 0 leaves the border out of its mirror image, 1 repeats it."""

    mode: int


def _parse(options: Table) -> MirrorPad:
    return MirrorPad(options.int8(schema.MirrorPadOptions.MODE))


def _check_pad(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    source = movement.check_moved(graph, op)
    around, edge = movement.parameter(graph, op, 1, "paddings"), op.attrs.mode == 0
    rows = list(zip(around[::2], around[1::2], strict=False))
    fits = all(min(p) >= 0 and max(p) <= n - edge for p, n in zip(rows, source.shape, strict=False))
    if op.attrs.mode not in (0, 1) or len(around) != 2 * len(source.shape) or not fits:
        raise inconsistent(graph, op, f"pads {list(source.shape)} by {rows} in mode {op.attrs.mode}")
    movement.check_size(graph, op, math.prod(n + sum(p) for n, p in zip(source.shape, rows, strict=True)))
    movement.check_shapes(graph, op, _pad)


def _pad(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.pad(present(inputs[0]), present(inputs[1]), mode=_MODES[op.attrs.mode])]


def _check_reverse(graph: Graph, op: Op) -> None:
    operand_count(graph, op, 2, 2)
    source = movement.check_moved(graph, op)
    axes = movement.parameter(graph, op, 1, "axes")
    if any(not -len(source.shape) <= a < len(source.shape) for a in axes):
        raise inconsistent(graph, op, f"axes {axes} of {len(source.shape)} dimensions")
    movement.check_shapes(graph, op, _reverse)


def _reverse(graph: Graph, op: Op, inputs: list[Array | None], fill: int) -> list[Array]:
    return [np.flip(present(inputs[0]), tuple(movement.integers(inputs[1])))]


SPECS = (
    movement.spec("MIRROR_PAD", _parse, _check_pad, _pad),
    movement.spec("REVERSE_V2", movement.no_attributes, _check_reverse, _reverse),
)
