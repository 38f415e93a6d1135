"""Which layers get the DSP kernels, what that costs in memory, and whether the predictions hold."""

import pytest

from tests.support import golden
from tinymlaas.compile import Compiled, compile_model

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
MAX_SCRATCH_BYTES = 8192  # beyond what the activations need

# Executed instructions of all layers with DSP kernels, measured on qemu-m4 with gcc 12.2.
MEASURED = {
    "ad01_int8": 262_240,
    "kws_ref_model": 3_026_552,
    "pretrainedResnet_quant": 11_369_509,
    "vww_96_int8": 9_429_597,
    "person_detect": 9_000_007,
}


def compiled(name: str, target: str = "m4") -> Compiled:
    golden.require()
    return compile_model(golden.model(name), name, target)


@pytest.mark.parametrize(
    "name", ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "vww_96_int8", "person_detect"]
)
def test_every_layer_with_weights_gets_one(name):
    steps = compiled(name).plan.steps
    assert {step.variant for step in steps if step.op.code in WEIGHTED} == {"dsp"}


@pytest.mark.parametrize("target", ["any", "m3", "m0plus"])
def test_no_other_target_gets_one(target):
    assert all(step.variant != "dsp" for step in compiled("kws_ref_model", target).plan.steps)


def test_a_long_input_of_few_outputs_is_not_worth_the_memory():
    steps = compiled("micro_speech_quantized").plan.steps
    assert [step.variant for step in steps if step.op.code in WEIGHTED] == ["dsp", "plain"]


@pytest.mark.parametrize("name", golden.SEVEN)
def test_scratch_stays_small(name):
    plan = compiled(name).plan
    assert plan.arena_bytes - plan.lower_bound_bytes <= MAX_SCRATCH_BYTES


@pytest.mark.parametrize("name", MEASURED)
def test_predicted_instructions(name):
    predicted = sum(step.cost for step in compiled(name).plan.steps if step.variant == "dsp")
    assert predicted == pytest.approx(MEASURED[name], rel=0.05)
