"""Arena bytes that a kernel needs while it runs; mirrors native_module/kernels/scratch.h."""

from __future__ import annotations

from .window import Window

_TILE = 4  # pixels, and channels, that CONV_2D computes at once
_TILE_BYTES = 8192  # of patches; where four do not fit it computes one pixel at a time


def conv_2d(window: Window, target: str) -> int:
    """What the filters see of the input at four pixels, or at one; none for single pixels and a filter of one tap."""
    taps = window.filter_h * window.filter_w
    patch = taps * window.in_c
    if window.out_h * window.out_w >= _TILE and window.out_c >= _TILE and _TILE * patch <= _TILE_BYTES:
        return _TILE * patch
    return 0 if taps == 1 else patch


def depthwise_conv_2d(window: Window, target: str) -> int:
    """A 32-bit accumulator per output channel, then two rows of output channels."""
    return 6 * window.out_c


def fully_connected(in_features: int, target: str) -> int:
    """None."""
    return 0
