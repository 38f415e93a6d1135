"""``python -m tests.fuzz.seeds``: makes the corpora from which fuzzing begins, one small model per operator and kernel variant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.models import SINGLE_OPS
from tests.support.small_int16 import small_int16, small_int16_tflite
from tests.support.small_module import (
    remembering_tflite,
    small_module,
    small_remembering,
    small_streaming,
    small_tflite,
)
from tests.support.small_wide import small_wide, wide_tflite
from tests.support.streaming_tflite import streaming_tflite
from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.errors import TinymlError
from tinymlaas.plan import Step
from tinymlaas.sign import new_key, sign

CORPUS = Path(__file__).with_name("corpus")
MODULES, MODELS = CORPUS / "module", CORPUS / "importer"
TARGETS = ("any", "m0plus", "m4", "rv32")
_MOST_BYTES = 2500
_EXAMPLES = 40


def main() -> None:
    """Writes what is not there yet; what is there stays. To have a new operator in the files of all operators, delete these first."""
    _write(MODELS / "every_operator.tflite", small_tflite())
    _write(MODELS / "streaming.tflite", streaming_tflite())
    _write(MODELS / "remembering.tflite", remembering_tflite())
    _write(MODELS / "int16.tflite", small_int16_tflite())
    _write(MODULES / "int16.tml", small_int16())
    _write(MODELS / "wide.tflite", wide_tflite())
    _write(MODULES / "every_operator.tml", small_module())
    _write(MODULES / "remembering.tml", small_remembering())
    _write(MODULES / "wide.tml", small_wide())
    _write(MODULES / "streaming.tml", small_streaming())
    _write(MODULES / "streaming_that_computes.tml", compile_model(streaming_tflite(), "streaming").module)
    _write(MODULES / "signed.tml", sign(small_module(), new_key(), 1))
    for target, variant in (("m0plus", "swar"), ("m4", "dsp")):
        for stride in (1, 2):
            name = f"depthwise_3x3_stride_{stride}-depthwise_conv_2d-{variant}-{target}.tml"
            _write(MODULES / name, compile_model(_depthwise(stride), "depthwise", target).module)
    for name, models in SINGLE_OPS.items():
        for kind, (model, module) in _smallest(name, models).items():
            _write(MODELS / f"{_file_name(name)}.tflite", model)
            _write(MODULES / f"{_file_name(name)}-{kind}.tml", module)


def _smallest(name: str, models: st.SearchStrategy[bytes]) -> dict[str, tuple[bytes, bytes]]:
    """Kernel, and target where it is one of its own → the smallest of some examples that run it: model, module."""
    best: dict[str, tuple[bytes, bytes]] = {}

    @settings(max_examples=_EXAMPLES, deadline=None, derandomize=True, database=None,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(models)
    def look(model: bytes) -> None:
        for target in TARGETS:
            try:
                compiled = compile_model(model, name.lower(), target)
            except TinymlError:
                continue
            for kind in {_kind(step, target) for step in compiled.plan.steps} or {"none"}:
                if len(compiled.module) < len(best[kind][1] if kind in best else b"0" * _MOST_BYTES):
                    best[kind] = (model, compiled.module)

    look()
    return best


def _depthwise(stride: int) -> bytes:
    """A layer for which the kernels of instruction sets are chosen, as the small random ones are not."""
    weights, out = np.random.default_rng(1).integers(-20, 21, (1, 3, 3, 4)).astype(np.int8), -(-6 // stride)
    tensors = [
        TensorSpec((1, 6, 6, 4), 0.05, -128),
        TensorSpec((1, 3, 3, 4), [0.01] * 4, 0, data=weights, axis=3),
        TensorSpec((1, out, out, 4), 0.01, -128),
    ]
    return single_op("DEPTHWISE_CONV_2D", tensors, padding=0, strideH=stride, strideW=stride, depthMultiplier=1)


def _kind(step: Step, target: str) -> str:
    """By what runs, not by the layer's name: a depthwise layer of one channel is a convolution."""
    kernel = f"{step.operator.lower()}-{step.variant}"
    return kernel if step.variant == "plain" else f"{kernel}-{target}"


def _file_name(name: str) -> str:
    return name.lower().replace(" ", "_")


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
