"""What fuzzing begins from, and what it has ever found, replayed: no crash, and every operator and kernel of ours is among it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fuzz.importer import try_bytes
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import MODELS, MODULES
from tinymlaas.errors import TinymlError
from tinymlaas.planfmt import OPERATORS
from tinymlaas.planfmt import VARIANTS as NUMBERS
from tinymlaas.toolchain.hostlib import build_program
from tinymlaas.unpack import unpack
from tinymlaas.variants import VARIANTS


@pytest.mark.parametrize("target", ["x64", "any", "m0plus", "m4", "rv32"])
def test_modules_do_no_harm(target):
    main = Path(__file__).with_name("module.c")
    program = build_program(f"replay-{target}", main, target, defines=("REPLAY", "TML_SLICE_STEPS=64"))
    files = sorted(MODULES.iterdir())
    done = subprocess.run([program, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    refused, ran, skipped = map(int, done.stdout.split())
    assert refused + ran + skipped == len(files)
    assert ran >= len(OPERATORS)


@pytest.mark.parametrize("path", sorted(MODELS.iterdir()), ids=lambda path: path.name)
def test_models_are_compiled_or_refused_in_words(path):
    assert try_bytes(path.read_bytes()) in ("compiled", "read", "refused")


def test_every_operator_and_kernel_is_a_seed():
    """By what the modules hold: names of files would not tell that a layer is lowered otherwise now."""
    modules = [unpack(path.read_bytes()) for path in MODULES.glob("*.tml") if _loads(path)]
    kernels = {(m.target, name, fields["variant"]) for m in modules for name, fields in m.records}
    assert {name for _, name, _ in kernels} == set(OPERATORS)
    wanted = {(t, v.operator, NUMBERS[v.name]) for v in VARIANTS for t in v.targets & {"m0plus", "m4", "rv32"}}
    assert wanted <= kernels


def _loads(path: Path) -> bool:
    try:
        unpack(path.read_bytes())
    except TinymlError:
        return False
    return True


@pytest.mark.parametrize("path", sorted(MODELS.iterdir()), ids=lambda path: path.name)
def test_changed_models_are_compiled_or_refused_in_words(path):
    """What the fuzzer does for an hour, for a moment: fields changed one by one reach checks, passes and planner."""
    changed = [mutate(path.read_bytes(), seed) for seed in range(12)]
    assert {try_bytes(model) for model in changed if model is not None} <= {"compiled", "read", "refused"}
