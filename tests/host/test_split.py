"""Batches of images and groups of channels: taken apart before operators are checked, up to a limit that is said."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.tflite_writer import TensorSpec, single_op
from tinymlaas.compile import compile_model
from tinymlaas.errors import UnsupportedError
from tinymlaas.passes.prepare import prepare
from tinymlaas.review import review
from tinymlaas.tflite.importer import read

OPTIONS = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


def _conv(images: int, groups: int, in_c: int, out_c: int) -> bytes:
    """in_c and out_c: of each group."""
    weights = np.random.default_rng(1).integers(-128, 128, (groups * out_c, 2, 2, in_c)).astype(np.int8)
    tensors = [
        TensorSpec((images, 3, 3, groups * in_c), 0.5, 3),
        TensorSpec(weights.shape, 0.02, 0, data=weights),
        TensorSpec((images, 2, 2, groups * out_c), 0.5, 3),
    ]
    return single_op("CONV_2D", tensors, **OPTIONS)


def _codes(model: bytes) -> list[str]:
    return [op.code for op in prepare(read(model, "x")).ops]


def test_groups_of_one_channel_are_a_depthwise_convolution() -> None:
    assert _codes(_conv(1, 5, 1, 2)) == ["DEPTHWISE_CONV_2D"]


def test_other_groups_are_layers_of_their_own() -> None:
    assert _codes(_conv(1, 2, 3, 4)) == ["MOVE", "CONV_2D"] * 2 + ["CONCATENATION"]


def test_images_are_layers_of_their_own() -> None:
    assert _codes(_conv(3, 1, 2, 4)) == ["MOVE", "CONV_2D"] * 3 + ["CONCATENATION"]


def test_an_input_is_gone_before_the_next_is_taken() -> None:
    """The arena holds both ends and one image at a time."""
    plan = compile_model(_conv(64, 1, 2, 2), "x").plan
    images, results, one = 64 * 18, 64 * 8, 18
    assert plan.arena_bytes <= images + 2 * results + 16 * (64 + 2) + one


@pytest.mark.parametrize(("images", "groups", "words"), [(65, 1, "up to 64 images"), (1, 65, "up to 64 groups")])
def test_more_are_refused_with_the_limit(images: int, groups: int, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        compile_model(_conv(images, groups, 2, 1), "x")


def test_a_review_names_all_kernels() -> None:
    (found,) = review(_conv(2, 2, 3, 4), "x")
    assert set(found.kernels) == {"MOVE", "CONV_2D"}
    assert found.refused == ""
