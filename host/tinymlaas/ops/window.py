"""A window that slides over an image: what convolutions and pools share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from ..graph import Array, Graph, Op
from .checks import field_limits, output, refuse, same_shape

_U8, _U16 = (1 << 8) - 1, (1 << 16) - 1
EXPLICIT = "EXPLICIT"  # padding that a pass has put in: the attribute ``around`` has rows above and below, columns left and right


class WindowAttrs(Protocol):
    """Attributes of an operator with a window; dilation is 1 for pools."""

    @property
    def padding(self) -> str: ...
    @property
    def stride_h(self) -> int: ...
    @property
    def stride_w(self) -> int: ...
    @property
    def dilation_h(self) -> int: ...
    @property
    def dilation_w(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry in elements; the fields are those of the module's records."""

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    filter_h: int
    filter_w: int
    pad_top: int
    pad_left: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int

    def fields(self) -> dict[str, int]:
        """Values for a record."""
        return asdict(self)

    def taps(self, image: Array, fill: int) -> Iterator[tuple[int, int, Array]]:
        """Row and column of each filter tap, and what it sees: [out_h, out_w, in_c] with ``fill`` for padding."""
        padded = self._padded(image, fill)
        for row in range(self.filter_h):
            for column in range(self.filter_w):
                y, x = row * self.dilation_h, column * self.dilation_w
                yield row, column, padded[y : y + self._span_h : self.stride_h, x : x + self._span_w : self.stride_w]

    @property
    def _span_h(self) -> int:
        return (self.out_h - 1) * self.stride_h + 1

    @property
    def _span_w(self) -> int:
        return (self.out_w - 1) * self.stride_w + 1

    def _padded(self, image: Array, fill: int) -> Array:
        below = self._span_h + (self.filter_h - 1) * self.dilation_h - self.in_h - self.pad_top
        right = self._span_w + (self.filter_w - 1) * self.dilation_w - self.in_w - self.pad_left
        widths = ((self.pad_top, max(0, below)), (self.pad_left, max(0, right)), (0, 0))
        return np.pad(image.reshape(self.in_h, self.in_w, self.in_c), widths, constant_values=fill)


def window_of(graph: Graph, op: Op, attrs: WindowAttrs, filter_h: int, filter_w: int) -> Window:
    """The geometry of an operator whose shapes have been checked."""
    _, in_h, in_w, in_c = graph.tensor(op.inputs[0]).shape
    _, out_h, out_w, out_c = output(graph, op).shape
    (_, pad_top), (_, pad_left) = _extents(attrs, (in_h, in_w), filter_h, filter_w)
    sizes = (in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w, pad_top, pad_left)
    return Window(*sizes, attrs.stride_h, attrs.stride_w, attrs.dilation_h, attrs.dilation_w)


def check_window(graph: Graph, op: Op, attrs: WindowAttrs, filter_h: int, filter_w: int, out_c: int) -> None:
    """Check shapes against the filter and that the record can hold the geometry."""
    image = graph.tensor(op.inputs[0]).shape
    if len(image) != 4 or image[0] != 1:
        raise refuse(
            graph, op, f"input of shape {list(image)}", "supported are up to 64 images [height, width, channels]"
        )
    if attrs.padding not in ("SAME", "VALID", EXPLICIT):
        raise refuse(graph, op, f"padding {attrs.padding}", "supported are SAME and VALID")
    steps = {"stride_h": attrs.stride_h, "stride_w": attrs.stride_w}
    field_limits(graph, op, steps | {"dilation_h": attrs.dilation_h, "dilation_w": attrs.dilation_w}, _U8)
    sizes = {"height": image[1], "width": image[2], "input channels": image[3], "output channels": out_c}
    field_limits(graph, op, sizes | {"filter height": filter_h, "filter width": filter_w}, _U16)
    (out_h, pad_top), (out_w, pad_left) = _extents(attrs, image[1:3], filter_h, filter_w)
    field_limits(graph, op, {"output height": out_h, "output width": out_w}, _U16)
    field_limits(graph, op, {"rows of padding": pad_top + 1, "columns of padding": pad_left + 1}, _U16)
    same_shape(graph, op, output(graph, op).shape, (1, out_h, out_w, out_c), "output")


def _extents(attrs: WindowAttrs, sizes: tuple[int, ...], filter_h: int, filter_w: int) -> list[tuple[int, int]]:
    """Output size and padding before it, down and across."""
    steps = ((filter_h, attrs.stride_h, attrs.dilation_h), (filter_w, attrs.stride_w, attrs.dilation_w))
    if attrs.padding != EXPLICIT:
        return [_extent(attrs.padding, size, *step) for size, step in zip(sizes, steps, strict=True)]
    explicit: Any = attrs  # only convolutions have it
    around: tuple[tuple[int, int], tuple[int, int]] = explicit.around
    padded = zip(sizes, around, steps, strict=True)
    return [(_extent("VALID", size + sum(pad), *step)[0], pad[0]) for size, pad, step in padded]


def _extent(padding: str, size: int, filter_size: int, stride: int, dilation: int) -> tuple[int, int]:
    """Output size along one axis and padding before it, as TFLite's ``ComputePaddingHeightWidth``."""
    reach = (filter_size - 1) * dilation + 1
    if padding == "VALID":
        return (size + stride - reach) // stride, 0
    out = (size + stride - 1) // stride
    return out, max(0, (out - 1) * stride + reach - size) // 2
