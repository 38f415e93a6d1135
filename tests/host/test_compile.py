"""The compiler's promises: memory at the liveness bound, file size, same bytes every time, and three executions that agree."""

import hashlib

import numpy as np
import pytest

from tests.support import golden
from tinymlaas.compile import compile_model
from tinymlaas.errors import ModuleError
from tinymlaas.evaluate import evaluate
from tinymlaas.pack import selftest_inputs
from tinymlaas.planfmt import HEADER, TARGETS
from tinymlaas.report import blocks, liveness_bound, summary
from tinymlaas.run import run_module
from tinymlaas.simulate import simulate
from tinymlaas.unpack import unpack

ARENA_BOUND = {
    "kws_ref_model": 16000,
    "pretrainedResnet_quant": 49152,
    "vww_96_int8": 55296,
    "person_detect": 55296,
    "ad01_int8": 768,
}
MODULE_BOUND = {
    "ad01_int8": 288352,
    "kws_ref_model": 33168,
    "pretrainedResnet_quant": 85608,
    "vww_96_int8": 245064,
    "person_detect": 244920,
}


@pytest.fixture(scope="module")
def digits():
    return golden.digits()


@pytest.mark.parametrize("name", golden.SEVEN)
def test_arena_and_file_stay_within_their_bounds(name):
    golden.require()
    compiled = compile_model(golden.model(name), name)
    if name in ARENA_BOUND:
        assert ARENA_BOUND[name] <= compiled.plan.arena_bytes <= ARENA_BOUND[name] + 1024
        assert compiled.plan.lower_bound_bytes == ARENA_BOUND[name]
        assert len(compiled.module) <= MODULE_BOUND[name]
    module = unpack(compiled.module)
    assert liveness_bound(module) == compiled.plan.lower_bound_bytes
    assert summary(module)["macs"] == sum(s.macs for s in compiled.plan.steps)


@pytest.mark.parametrize("name", golden.SEVEN)
def test_evaluate_simulate_and_host_agree(name):
    golden.require()
    compiled = compile_model(golden.model(name), name)
    vector = golden.vectors(name).inputs[:1]
    expected = evaluate(compiled.graph, [vector[0]])
    assert np.array_equal(simulate(compiled.graph, compiled.plan, [vector[0]])[0], expected[0])
    assert np.array_equal(run_module(compiled.module, name, "host", vector).outputs[0][0], expected[0])


def test_same_model_same_bytes(digits):
    first, second = (compile_model(digits.data, "digits").module for _ in range(2))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_compiles(digits, target):
    assert unpack(compile_model(digits.data, "digits", target).module).target == target


def test_metadata_travels(digits):
    module = unpack(compile_model(digits.data, "digits", metadata={"labels": ["a", "b"]}).module)
    assert module.metadata["labels"] == ["a", "b"]
    assert module.metadata["source_sha256"] == hashlib.sha256(digits.data).hexdigest()


def test_blocks_never_overlap_in_space_and_time(digits):
    found = blocks(unpack(compile_model(digits.data, "digits").module))
    for i, a in enumerate(found):
        for b in found[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset, (a, b)


def test_selftest_input_generator_is_the_documented_one():
    marsaglia = [270369, 67634689, 2647435461, 307599695]  # xorshift32 from 1
    assert selftest_inputs(1, [1, 3]) == [bytes([marsaglia[0] >> 24]), bytes(x >> 24 for x in marsaglia[1:])]


def test_damaged_modules_are_refused_with_the_reason(digits):
    module = compile_model(digits.data, "digits").module
    for damaged, reason in (
        (b"", "not a tinyml module"),
        (module[:50], "cut short"),
        (module[:-1], "its header says"),
        (module[:-1] + bytes([module[-1] ^ 1]), "SHA-256"),
        (module[:4] + b"\xff" + module[5:], "format version"),
        (module[:12] + b"\x63" + module[13:], "kernel target 99"),
    ):
        with pytest.raises(ModuleError, match=reason):
            unpack(damaged, "x.tml")


def test_any_flipped_byte_is_refused_or_decoded(digits):
    module = compile_model(digits.data, "digits").module
    for i in range(HEADER.nbytes):
        damaged = module[:i] + bytes([module[i] ^ 0xFF]) + module[i + 1 :]
        try:
            unpack(damaged, "x.tml")
        except ModuleError:
            continue
        # Fields that the payload's hash does not cover and that do not change where things lie.
        assert HEADER.offsets()[1] <= i < HEADER.offsets()[-1]


def test_a_module_for_another_target_is_refused_by_name(digits):
    module = compile_model(digits.data, "digits", "m4").module
    with pytest.raises(ModuleError, match=r"made for kernel target m4; pico runs m0plus"):
        run_module(module, "digits.tml", "pico", digits.inputs[:1])
