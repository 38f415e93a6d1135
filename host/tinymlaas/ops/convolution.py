"""Attributes that CONV_2D and DEPTHWISE_CONV_2D share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..tflite import schema
from ..tflite.reader import Table


@dataclass(frozen=True, slots=True)
class Convolution:
    """Attributes. around: rows above and below, columns left and right, of an EXPLICIT padding; depth_multiplier: of a depthwise one."""

    padding: str
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    activation: str
    around: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    depth_multiplier: int = 1


def parse(options: Table, f: type[schema.Conv2DOptions | schema.DepthwiseConv2DOptions], **more: Any) -> Convolution:
    """Attributes from ``Conv2DOptions`` or ``DepthwiseConv2DOptions``, whose fields ``f`` names."""
    return Convolution(
        schema.name_of(schema.PADDINGS, options.int8(f.PADDING)),
        options.int32(f.STRIDE_H),
        options.int32(f.STRIDE_W),
        options.int32(f.DILATION_H, 1),
        options.int32(f.DILATION_W, 1),
        schema.name_of(schema.ACTIVATIONS, options.int8(f.ACTIVATION)),
        **more,
    )
