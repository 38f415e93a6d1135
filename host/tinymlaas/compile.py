"""The whole compiler: .tflite bytes in, module bytes out, every stage visible."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import __version__
from .errors import PlanError, UnsupportedError
from .evaluate import evaluate
from .graph import Array, Graph, Op
from .memory import assign_behind, live_bytes
from .ops import OPS
from .pack import SelfTest, pack, selftest_inputs, selftest_of
from .passes import limits
from .passes.pipeline import run_passes
from .passes.prepare import prepare
from .plan import Plan, Step
from .schedule import lifetimes
from .tflite.importer import read
from .variants import choose
from .verify import verify_plan

SELFTEST_SEEDS = (1, 2)
_MOST_ARENA_BYTES = 1 << 26  # more than the RAM of any board


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What compiling gave: the graph after all passes, the plan, and the module file."""

    graph: Graph
    plan: Plan
    module: bytes


def compile_model(data: bytes, name: str, target: str = "any", metadata: dict[str, Any] | None = None) -> Compiled:
    """Compile the bytes of a .tflite file for a kernel target (a key of ``planfmt.TARGETS``).

    Raises ModelError or UnsupportedError for the model, PlanError for a defect of the compiler.
    """
    source = prepare(read(data, name))
    limits.check(source)
    for op in source.ops:
        OPS[op.code].check(source, op)
    limits.check_work(source)
    graph = run_passes(source, target)
    plan = plan_graph(graph, target, _metadata(graph, data, metadata or {}))
    return Compiled(graph, plan, pack(plan, _selftests(source, graph)))


def plan_graph(graph: Graph, target: str, metadata: dict[str, Any]) -> Plan:
    """Lower, find lifetimes, assign memory, and have it checked by the independent verifier."""
    graph = _in_place(graph)
    steps = (choose(graph, op, step, target) for op in graph.ops for step in plain_steps(graph, op, target))
    return plan_steps(graph, target, tuple(steps), metadata)


def _in_place(graph: Graph) -> Graph:
    """What becomes a state lies where the state lies: it is written when nobody reads the old one any more."""
    tensors = list(graph.tensors)
    for state in graph.states:
        tensors[state.written] = replace(tensors[state.written], storage=state.read)
    return replace(graph, tensors=tuple(tensors))


def plan_steps(graph: Graph, target: str, steps: tuple[Step, ...], metadata: dict[str, Any]) -> Plan:
    """The plan of steps that have been chosen."""
    states = [s.read for s in graph.states]
    spans = lifetimes(steps, graph.tensors, graph.inputs, graph.outputs, states)
    placed, arena_bytes, state_bytes = assign_behind(spans, states)
    if arena_bytes > _MOST_ARENA_BYTES:
        most = f"supported are up to {_MOST_ARENA_BYTES}"
        raise UnsupportedError(f"{graph.name}: needs {arena_bytes} B of RAM, {most}; make the input smaller")
    bound = live_bytes(spans, scratch=False)
    sizes = (arena_bytes, bound, metadata, graph.states, state_bytes)
    plan = Plan(graph.name, target, graph.tensors, graph.inputs, graph.outputs, steps, placed, *sizes)
    verify_plan(plan)
    return plan


def plain_steps(graph: Graph, op: Op, target: str) -> tuple[Step, ...]:
    """An operator lowered for the plain kernels, which every build has."""
    lowered = OPS[op.code].lower(graph, op, target)
    steps = lowered if isinstance(lowered, tuple) else (lowered,)
    return tuple(replace(step, outputs=graph.tensor(step.operands["output"]).size) for step in steps)


def plain_step(graph: Graph, op: Op, target: str) -> Step:
    """The same for an operator that takes one step."""
    (step,) = plain_steps(graph, op, target)
    return step


def _metadata(graph: Graph, data: bytes, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": graph.name,
        "inputs": [graph.tensor(t).name for t in graph.inputs],
        "outputs": [graph.tensor(t).name for t in graph.outputs],
        "source_sha256": hashlib.sha256(data).hexdigest(),
        "made_by": f"tinymlaas {__version__}",
        **graph.metadata,
        **extra,
    }


def _selftests(source: Graph, graph: Graph) -> list[SelfTest]:
    """Vectors answered by the graph as imported; the graph after the passes must give the same."""
    tests = []
    for seed in SELFTEST_SEEDS:
        inputs = _seeded(source, seed)
        expected, got = evaluate(source, inputs), evaluate(graph, inputs)
        if any(not np.array_equal(a, b) for a, b in zip(expected, got, strict=True)):
            raise PlanError(
                f"{source.name}: the passes changed a result for self-test seed {seed}; please report this model"
            )
        tests.append(selftest_of(seed, expected))
    return tests


def _seeded(graph: Graph, seed: int) -> list[Array]:
    tensors = [graph.tensor(t) for t in graph.inputs]
    data = selftest_inputs(seed, [t.bytes for t in tensors])
    return [np.frombuffer(d, t.dtype).reshape(t.shape) for d, t in zip(data, tensors, strict=True)]
