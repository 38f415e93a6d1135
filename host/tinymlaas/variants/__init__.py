"""Which kernel a layer gets: every variant that applies is lowered, the cheapest by the cost model is taken."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op
from ..plan import Step
from ..planfmt import VARIANTS as NUMBERS
from . import dsp, plain, swar_conv_2d, swar_depthwise_conv_2d, tile_conv_2d
from .base import Variant

VARIANTS: tuple[Variant, ...] = (
    *dsp.VARIANTS,
    *swar_conv_2d.VARIANTS,
    *swar_depthwise_conv_2d.VARIANTS,
    *tile_conv_2d.VARIANTS,
)


def choose(graph: Graph, op: Op, step: Step, target: str) -> Step:
    """The cheapest step for this layer on this target; ``step`` is the plain one, which runs everywhere."""
    candidates = [replace(step, variant="plain", cost=plain.cost(step, target))]
    for variant in VARIANTS:
        if variant.operator == step.operator and target in variant.targets:
            candidates += _candidate(variant, graph, op, step, target)
    return min(candidates, key=lambda s: s.cost)


def _candidate(variant: Variant, graph: Graph, op: Op, step: Step, target: str) -> list[Step]:
    lowered = variant.lower(graph, op, step, target)
    if lowered is None:
        return []
    fields = {**lowered.fields, "variant": NUMBERS[variant.name]}
    return [replace(lowered, fields=fields, variant=variant.name, cost=variant.cost(lowered, target))]
