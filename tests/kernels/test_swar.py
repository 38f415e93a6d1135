"""The m0plus kernels on this machine, where C models stand for the assembly: equal to the definition on random models."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import models
from tinymlaas import variants
from tinymlaas.compile import Compiled, compile_model
from tinymlaas.ctypes_host import NativeLibrary
from tinymlaas.errors import ModuleError
from tinymlaas.evaluate import evaluate
from tinymlaas.planfmt import HEADER, record_layout
from tinymlaas.toolchain.hostlib import build_hostlib

_SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def _library() -> NativeLibrary:
    return NativeLibrary(build_hostlib("m0plus"))


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are small: take the kernel wherever it applies, not only where it pays."""
    free = tuple(replace(v, cost=lambda step, target: -1.0) for v in variants.VARIANTS)
    monkeypatch.setattr(variants, "VARIANTS", free)


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_equals_definition(op: str) -> None:
    used: Counter[str] = Counter()

    @_SETTINGS
    @given(models.SINGLE_OPS[op], st.integers(0, 2**32 - 1))
    def check(model: bytes, seed: int) -> None:
        compiled = compile_model(model, op, "m0plus")
        used[compiled.plan.steps[0].variant] += 1
        graph = compiled.graph
        inputs = [models.values(graph.tensor(t).shape, seed + i) for i, t in enumerate(graph.inputs)]
        np.testing.assert_array_equal(_library().load(compiled.module).run(inputs)[0], evaluate(graph, inputs)[0])

    check()
    if any(v.operator == op and "m0plus" in v.targets for v in variants.VARIANTS):
        assert used["swar"] > 0, "the examples hardly touch the kernel"


def _digits() -> Compiled:
    from tests.support.golden import digits

    return compile_model(digits().data, "digits", "m0plus")


def _damaged(compiled: Compiled, position: int, word: int) -> bytes:
    """The module with one word of the first SWAR record's stream replaced; positions count words from its start."""
    header = HEADER.unpack(compiled.module)
    number = next(i for i, s in enumerate(compiled.plan.steps) if s.variant == "swar")
    record = record_layout(compiled.plan.steps[number].operator)
    at = record.unpack(compiled.module, header["records_offset"] + 64 * number)["aux"] + 4 * position
    return compiled.module[:at] + word.to_bytes(4, "little") + compiled.module[at + 4 :]


def test_rest_outside_the_lanes_is_refused() -> None:
    compiled = _digits()
    f = next(s.fields for s in compiled.plan.steps if s.variant == "swar")
    words = -(-f["filter_h"] * f["filter_w"] * f["in_c"] // 4)
    _library().load(compiled.module)
    for rest in (4, 8, 1 << 20, 0xFFFFFFF8):
        with pytest.raises(ModuleError, match="constants"):
            _library().load(_damaged(compiled, words + 1, rest))
