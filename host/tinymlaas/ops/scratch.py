"""Arena bytes that a kernel needs while it runs: mirrors what the checks in native_module/kernels demand."""

from __future__ import annotations

from .window import Window


def conv_2d(window: Window, target: str) -> int:
    """One im2col column, unless the filter is a single tap on unpadded input and the image itself is the column."""
    if window.filter_h == window.filter_w == 1 and window.pad_top == window.pad_left == 0:
        return 0
    return window.filter_h * window.filter_w * window.in_c


def depthwise_conv_2d(window: Window, target: str) -> int:
    """None."""
    return 0


def fully_connected(in_features: int, target: str) -> int:
    """None."""
    return 0
