"""A damaged module with the layouts of a target's own kernels: their checks, C models and loop nests under ASan and UBSan."""

import subprocess
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest

from tests.support.tflite_writer import OpSpec, TensorSpec, write_tflite
from tinymlaas.compile import Compiled, compile_model
from tinymlaas.toolchain import paths
from tinymlaas.toolchain.hostlib import build_program

_SAME = {"padding": 0, "strideH": 1, "strideW": 1}
VARIANTS = {"m4": ["dsp", "dsp", "plain", "dsp", "dsp"], "m0plus": ["swar", "swar", "linear", "swar", "swar"]}
_HALVED = {"padding": 0, "strideH": 2, "strideW": 2, "depthMultiplier": 1}


def _weights(rng: np.random.Generator, shape: tuple[int, ...], axis: int = 0) -> TensorSpec:
    channels = shape[axis]
    data = rng.integers(-127, 128, shape).astype(np.int8)
    return TensorSpec(shape, [0.01] * channels, [0] * channels, data=data, axis=axis)


@cache
def compiled(target: str) -> Compiled:
    """CONV_2D, DEPTHWISE_CONV_2D of step 1 and 2, ADD, FULLY_CONNECTED; with the target's own kernels though they hardly pay."""
    rng = np.random.default_rng(3)
    tensors = [
        TensorSpec((1, 5, 6, 2), 0.05, 3, name="image"),
        _weights(rng, (4, 3, 3, 2)),
        TensorSpec((1, 5, 6, 4), 0.1, -128),
        _weights(rng, (1, 3, 3, 4), axis=3),
        TensorSpec((1, 5, 6, 4), 0.2, -128),
        TensorSpec((1, 5, 6, 4), 0.3, 4),
        _weights(rng, (1, 3, 3, 4), axis=3),
        TensorSpec((1, 3, 3, 4), 0.3, -128),
        _weights(rng, (5, 36)),
        TensorSpec((1, 5), 0.4, 2, name="scores"),
    ]
    ops = [
        OpSpec("CONV_2D", (0, 1), (2,), _SAME | {"fusedActivationFunction": 1}),
        OpSpec("DEPTHWISE_CONV_2D", (2, 3), (4,), _SAME | {"depthMultiplier": 1}),
        OpSpec("ADD", (2, 4), (5,)),
        OpSpec("DEPTHWISE_CONV_2D", (5, 6), (7,), _HALVED),
        OpSpec("FULLY_CONNECTED", (7, 8), (9,)),
    ]
    with patch("tinymlaas.variants.plain.cost", lambda step, target: float("inf")):
        return compile_model(write_tflite(tensors, ops, [0], [9]), "small", target)


@pytest.fixture(scope="module", params=VARIANTS)
def target(request):
    """A kernel target with kernels of its own."""
    return request.param


@pytest.fixture(scope="module")
def corrupt(target, tmp_path_factory):
    """Runs the driver of tests/module in a mode; returns (refused, ran, skipped)."""
    program = build_program(f"corrupt-{target}", paths.REPO / "tests" / "module" / "corrupt.c", target)
    path = tmp_path_factory.mktemp("module") / "small.tml"
    path.write_bytes(compiled(target).module)

    def run(*mode: str) -> tuple[int, ...]:
        done = subprocess.run([program, path, *mode], capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return tuple(int(word) for word in done.stdout.split())

    return run


def test_every_kernel_is_in_the_module(target):
    assert [step.variant for step in compiled(target).plan.steps] == VARIANTS[target]


def test_every_byte_changed(target, corrupt):
    refused, ran, skipped = corrupt("flip")
    assert refused + ran + skipped == 12 * len(compiled(target).module)
    assert min(refused, ran) > 1000


@pytest.mark.parametrize("seed", [1, 2])
def test_random_damage(corrupt, seed):
    refused, ran, _ = corrupt("random", str(seed), "4")
    assert min(refused, ran) > 500, (refused, ran)
