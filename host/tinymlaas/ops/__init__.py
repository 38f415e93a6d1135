"""The operators: one file each, one table of them all."""

from __future__ import annotations

from . import (
    add,
    average_pool_2d,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    max_pool_2d,
    pad,
    relu,
    reshape,
    softmax,
)
from .base import OpSpec

OPS: dict[str, OpSpec] = {
    spec.code: spec
    for spec in (
        conv_2d.SPEC,
        depthwise_conv_2d.SPEC,
        fully_connected.SPEC,
        add.SPEC,
        average_pool_2d.SPEC,
        max_pool_2d.SPEC,
        reshape.SPEC,
        softmax.SPEC,
        pad.SPEC,
        pad.SPEC_V2,
        *relu.SPECS,
    )
}
