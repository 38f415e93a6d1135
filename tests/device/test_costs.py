"""The cost model against measurement: layers, whole models, and that the kernel which is chosen is the faster one. All counts are exact."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.support import golden
from tinymlaas import costs, synthetic
from tinymlaas.compile import compile_model, plain_step, plan_graph, plan_steps
from tinymlaas.graph import Graph
from tinymlaas.pack import pack
from tinymlaas.plan import Step
from tinymlaas.predict import steps
from tinymlaas.run import profile_module
from tinymlaas.target import board_by_name
from tinymlaas.unpack import unpack
from tinymlaas.variants import candidates

BOARDS = ["pico", "qemu-m3", "qemu-m4", "qemu-rv32"]
WITH_VARIANTS = ["pico", "qemu-m4", "qemu-rv32"]
PIECE = 40  # layers, whose inputs fit a Pico

MEDIAN, WHOLE = 0.10, 0.10  # what predictions may be off by
LOOSE = {"SOFTMAX": 0.25}  # whose work depends on the values

NEAR = 2.0  # times the cost of the best: farther off no choice is hard
SAME = 1.03  # what two kernels may differ by without either choice being wrong


@functools.cache
def layers(board: str) -> list[costs.Measured]:
    """All synthetic layers on a board, with plain kernels and with those made for it."""
    target, out = board_by_name(board).kernel_target, []
    for made_for in ("any", target):
        for piece in synthetic.parts(synthetic.graph(), PIECE):
            module = pack(plan_graph(piece, made_for, {}))
            counts = profile_module(module, piece.name, board).layers
            pairs = zip(steps(unpack(module)), counts, strict=True)
            out += [costs.Measured(board, target, made_for, piece.name, step, count) for step, count in pairs]
    return out


@pytest.mark.parametrize("board", BOARDS)
def test_layers_take_what_is_predicted(board):
    found = layers(board)
    for key in {(m.step.operator, m.step.variant) for m in found}:
        errors = [abs(m.error) for m in found if (m.step.operator, m.step.variant) == key]
        assert np.median(errors) <= LOOSE.get(key[0], MEDIAN), (key, errors)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("made_for", ["any", "the board"])
def test_a_whole_model_takes_what_is_predicted(board, made_for):
    target = board_by_name(board).kernel_target
    module = compile_model(golden.digits().data, "digits", "any" if made_for == "any" else target).module
    found = profile_module(module, "digits", board)
    predicted = sum(costs.cost(step, target) for step in steps(unpack(module)))
    assert predicted == pytest.approx(found.whole, rel=WHOLE)


def contests(graph: Graph, target: str) -> Iterator[list[Step]]:
    """For each layer that could get two kernels of about the same cost: the step for each, the predicted best first."""
    for op in graph.ops:
        found, _ = candidates(graph, op, plain_step(graph, op, target), target)
        found.sort(key=lambda step: step.cost)
        if len(found) > 1 and found[1].cost < NEAR * found[0].cost:
            yield found


def measured(graph: Graph, contested: list[list[Step]], board: str) -> list[list[float]]:
    """What each step takes, all of them run one after the other as one module."""
    together = tuple(step for group in contested for step in group)
    graph = replace(graph, outputs=together[-1].op.outputs)
    module = pack(plan_steps(graph, board_by_name(board).kernel_target, together, {}))
    counts = iter(profile_module(module, "contests", board).layers)
    return [[next(counts) for _ in group] for group in contested]


@pytest.mark.parametrize("board", WITH_VARIANTS)
def test_the_chosen_kernel_is_the_faster_one(board):
    target, compared = board_by_name(board).kernel_target, 0
    for graph in synthetic.parts(synthetic.graph(), PIECE):
        contested = list(contests(graph, target))
        if not contested:
            continue
        for found, counts in zip(contested, measured(graph, contested, board), strict=True):
            compared += 1
            assert counts[0] <= SAME * min(counts), (found[0].operator, found[0].variant, found[0].fields, counts)
    assert compared >= 3


def test_a_fit_finds_the_costs_again():
    rng = np.random.default_rng(1)
    true = {"layer": 90.0, "tap": 3.5, "row": 40.0}
    rows = [
        {"layer": 1.0, "tap": float(t), "row": float(r), "free": float(t % 7)} for t, r in rng.integers(1, 999, (30, 2))
    ]
    found = costs.solve([(row, sum(true.get(k, 0.0) * n for k, n in row.items())) for row in rows])
    assert found.pop("free", 0.0) < 0.05
    assert found == pytest.approx(true, rel=0.05)
