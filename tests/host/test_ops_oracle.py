"""Every operator's numpy definition equals TensorFlow Lite Micro on random models, as imported and after all passes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import models, oracle
from tinymlaas.evaluate import evaluate
from tinymlaas.ops import OPS
from tinymlaas.passes.pipeline import run_passes
from tinymlaas.tflite.importer import read

_SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("op", models.SINGLE_OPS)
def test_equals_oracle(op: str) -> None:
    @_SETTINGS
    @given(models.SINGLE_OPS[op], st.integers(0, 2**32 - 1))
    def check(model: bytes, seed: int) -> None:
        graph = read(model, op)
        inputs = [models.values(graph.tensor(t).shape, seed + i) for i, t in enumerate(graph.inputs)]
        for layer in graph.ops:
            OPS[layer.code].check(graph, layer)
        expected = oracle.run(model, inputs)
        np.testing.assert_array_equal(evaluate(graph, inputs)[0], expected)
        np.testing.assert_array_equal(evaluate(run_passes(graph, "any"), inputs)[0], expected)

    check()


def test_table_is_covered() -> None:
    """RELU_N1_TO_1 as a layer is the one operator that TensorFlow Lite Micro does not have."""
    assert set(OPS) - set(models.SINGLE_OPS) == {"RELU_N1_TO_1"}
