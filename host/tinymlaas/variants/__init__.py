"""Which kernel a layer gets: every variant that applies is lowered, the cheapest by the cost model is taken."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Op
from ..plan import Candidate, Step
from ..planfmt import VARIANTS as NUMBERS
from . import dsp, linear_add, plain, swar_conv_2d, swar_depthwise_conv_2d, swar_fully_connected, tile_conv_2d
from .base import Variant

VARIANTS: tuple[Variant, ...] = (
    *dsp.VARIANTS,
    *linear_add.VARIANTS,
    *swar_conv_2d.VARIANTS,
    *swar_depthwise_conv_2d.VARIANTS,
    *swar_fully_connected.VARIANTS,
    *tile_conv_2d.VARIANTS,
)


def choose(graph: Graph, op: Op, step: Step, target: str) -> Step:
    """The cheapest step for this layer on this target; ``step`` is the plain one, which runs everywhere."""
    lowered, refused = candidates(graph, op, step, target)
    best = min(lowered, key=lambda s: s.cost)
    known = [Candidate(s.variant, s.cost, s.scratch_bytes) for s in sorted(lowered, key=lambda s: s.cost)]
    return replace(best, candidates=(*known, *refused))


def candidates(graph: Graph, op: Op, step: Step, target: str) -> tuple[list[Step], list[Candidate]]:
    """The layer lowered for every kernel that can run it, the plain one first; and the kernels that refused."""
    lowered, refused = [replace(step, variant="plain", cost=plain.cost(step, target))], []
    for variant in VARIANTS:
        if variant.operator == step.operator and target in variant.targets:
            found = variant.lower(graph, op, step, target)
            if isinstance(found, Step):
                fields = {**found.fields, "variant": NUMBERS[variant.name]}
                cost = variant.cost(found, target)
                lowered.append(replace(found, fields=fields, variant=variant.name, cost=cost))
            else:
                refused.append(Candidate(variant.name, refused=found or "does not apply to this layer"))
    return lowered, refused


def cost(step: Step, target: str) -> float:
    """Predicted cycles or executed instructions of a lowered layer, with the kernel that its variant names."""
    for variant in VARIANTS:
        if variant.name == step.variant and variant.operator == step.operator and target in variant.targets:
            return variant.cost(step, target)
    return plain.cost(step, target)
