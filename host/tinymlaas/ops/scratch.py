"""Arena bytes that a kernel needs while it runs; mirrors native_module/kernels/scratch.h."""

from __future__ import annotations

from .window import Window


def conv_2d(window: Window, target: str) -> int:
    """The patch of the input that a filter sees; none for a filter of one tap, which reads the input itself."""
    taps = window.filter_h * window.filter_w
    return 0 if taps == 1 else taps * window.in_c


def depthwise_conv_2d(window: Window, target: str) -> int:
    """A 32-bit accumulator per output channel, then two rows of output channels."""
    return 6 * window.out_c


def fully_connected(in_features: int, target: str) -> int:
    """None."""
    return 0
