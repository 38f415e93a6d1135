"""Slices of a record, in any order, are the record: for every kernel that ships, and in whole networks."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kernels.test_shipped import CASES
from tests.support import drawing, golden, models
from tests.support.slices import compile_core, library
from tinymlaas import variants
from tinymlaas.compile import compile_model
from tinymlaas.ctypes_host import aligned_bytes
from tinymlaas.evaluate import evaluate
from tinymlaas.planfmt import HEADER, OPERATORS, RECORD_BYTES, record_layout
from tinymlaas.toolchain.hostlib import SANITIZERS

TARGETS = ["x64", "m0plus", "m4", "rv32"]
CUT = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD"}
CUT |= {f"{op} of int16" for op in CUT - {"ADD"}}
KERNELS_OF_INT16 = {"CONV_INT16", "POOL_INT16"}  # that these become
OWN_FULLY_CONNECTED = (
    "m0plus",
    "m4",
)  # targets whose weights are in an order of their own: such layers run in one slice
REAL = ["kws_ref_model", "pretrainedResnet_quant", "person_detect", "micro_speech_quantized"]
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("op", CASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=SEEDS)
def test_each_slice_passes_the_check_of_the_loader(op, data, seed):
    case = data.draw(CASES[op])
    expected, arena = case.run("shipped"), case.data
    slices = library().slices(case.record)
    for i in np.random.default_rng(seed).permutation(len(slices)):
        part = replace(case, fields=record_layout(case.op).unpack(slices[i]), data=arena)
        assert part.check() == ""
        written = part.run("shipped")
        arena = arena[: case.output[0]] + written + arena[sum(case.output) :]
    assert arena[case.output[0] : sum(case.output)] == expected


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("op", sorted(CUT))
def test_random_models(op, target, monkeypatch):
    free = tuple(replace(v, cost=lambda step, target: -1.0) for v in variants.VARIANTS)
    monkeypatch.setattr(variants, "VARIANTS", free)  # take other layouts wherever they apply
    cut: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(models.SINGLE_OPS[op], SEEDS)
    def check(content: bytes, seed: int) -> None:
        compiled = compile_model(content, op, target)
        graph = compiled.graph
        inputs = [
            drawing.values(graph.tensor(t).shape, seed + i, graph.tensor(t).dtype) for i, t in enumerate(graph.inputs)
        ]
        model = library(target).load(compiled.module)
        outputs, slices = library(target).run_slices(model, inputs, np.random.default_rng(seed))
        np.testing.assert_array_equal(outputs[0], evaluate(graph, inputs)[0])
        cut[compiled.plan.steps[0].variant] += slices > len(compiled.plan.steps)

    check()
    in_one_piece = op == "FULLY_CONNECTED" and target in OWN_FULLY_CONNECTED
    assert in_one_piece or sum(cut.values()) > 0, "no example was cut"


@pytest.mark.parametrize("target", TARGETS[1:])
@pytest.mark.parametrize("name", REAL)
def test_real_models(name, target):
    golden.require()
    vectors = golden.vectors(name)
    model = library(target).load(compile_model(golden.model(name), name, target).module)
    outputs, slices = library(target).run_slices(model, [vectors.inputs[0]], np.random.default_rng(7))
    np.testing.assert_array_equal(outputs[0].ravel(), vectors.outputs[0].ravel())
    assert slices > model.header["n_records"]


@pytest.mark.parametrize("target", TARGETS[1:])
@pytest.mark.parametrize("name", ["digits", *REAL, "vww_96_int8"])
def test_slices_of_real_models_pass_the_check_of_the_loader(name, target):
    """Of kernels with layouts of their own too: above all, none needs more scratch than its layer has."""
    if name != "digits":
        golden.require()
    content = golden.digits().data if name == "digits" else golden.model(name)
    compiled = compile_model(content, name, target)
    header = HEADER.unpack(compiled.module)
    module = aligned_bytes(len(compiled.module))
    module[:] = np.frombuffer(compiled.module, np.uint8)
    for i, step in enumerate(compiled.plan.steps):
        at = header["records_offset"] + RECORD_BYTES * i
        for part in library(target).slices(compiled.module[at : at + RECORD_BYTES]):
            assert library(target).check(step.operator, part, module, header["arena_bytes"]) == "", (i, step.variant)


@pytest.mark.parametrize("target", TARGETS)
def test_two_workers_at_the_same_time(target, tmp_path):
    """As on two cores: no byte that one writes is used by the other, and the outputs are the same."""
    main = Path(__file__).with_name("workers.c")
    program = compile_core(f"workers-{target}", target, ["-fsanitize=thread", "-pthread", main])
    contents = {"digits": golden.digits().data}
    if golden.FOLDER.is_dir():
        contents |= {name: golden.model(name) for name in REAL if name != "person_detect"}
    for name, content in contents.items():
        path = tmp_path / f"{name}.tml"
        path.write_bytes(compile_model(content, name, target).module)
        done = subprocess.run([program, path, "5"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        slices, differences = map(int, done.stdout.split())
        assert slices >= 5
        assert differences == 0


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_modules_in_slices(target, tmp_path):
    """What the loader accepts can be cut: no slice reaches outside the module, the arena or its operands."""
    main = Path(__file__).parents[1] / "module" / "corrupt.c"
    program = compile_core(f"corrupt-slices-{target}", target, [*SANITIZERS, main])
    path = tmp_path / "digits.tml"
    path.write_bytes(compile_model(golden.digits().data, "digits", target).module)
    done = subprocess.run([program, path, "random", "3", "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    refused, ran, _ = map(int, done.stdout.split())
    assert min(refused, ran) > 50, done.stdout


def test_operators_that_are_not_cut_have_one_slice():
    for op in set(CASES) - CUT - KERNELS_OF_INT16:
        record = bytes([OPERATORS[op][0]]).ljust(64, b"\xff")
        assert library().slices(record) == [record]
