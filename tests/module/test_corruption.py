"""A damaged module ends in a clean error or a run within bounds: real loader and kernels under ASan and UBSan."""

import subprocess
from pathlib import Path

import pytest

from tests.support.small_int16 import small_int16
from tests.support.small_module import small_module, small_remembering, small_streaming
from tests.support.small_wide import small_wide
from tinymlaas.planfmt import OPERATORS
from tinymlaas.sign import new_key, sign
from tinymlaas.toolchain.hostlib import build_program
from tinymlaas.unpack import unpack

MODULES = {
    "unsigned": small_module(),
    "signed": sign(small_module(), new_key(), 1),
    "streaming": small_streaming(),
    "remembering": small_remembering(),
    "int16": small_int16(),
    "wide": small_wide(),
}


@pytest.fixture(scope="module", params=MODULES)
def module(request):
    return MODULES[request.param]


@pytest.fixture(scope="module")
def corrupt(tmp_path_factory, module):
    """Runs the driver in a mode; returns (refused, ran, skipped)."""
    program = build_program("corrupt", Path(__file__).with_name("corrupt.c"))
    path = tmp_path_factory.mktemp("module") / "small.tml"
    path.write_bytes(module)

    def run(*mode: str) -> tuple[int, ...]:
        done = subprocess.run([program, path, *mode], capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return tuple(int(word) for word in done.stdout.split())

    return run


def test_every_operator_is_in_a_module():
    assert {name for m in MODULES.values() for name, _ in unpack(m).records} == set(OPERATORS)


def test_truncation_at_every_length(corrupt, module):
    assert corrupt("truncate") == (len(module), 0, 0)


def test_every_byte_changed(corrupt, module):
    refused, ran, skipped = corrupt("flip")
    assert refused + ran + skipped == 12 * len(module)
    assert min(refused, ran) > 500


@pytest.mark.parametrize("seed", [1, 2])
def test_random_damage(corrupt, seed):
    refused, ran, _ = corrupt("random", str(seed), "4")
    assert min(refused, ran) > 1000, (refused, ran)
