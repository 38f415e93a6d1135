"""The native module under tinyml.image: puts camera frames into models."""

from typing_extensions import Buffer

def fit(out: Buffer, frame: Buffer, numbers: Buffer, table: Buffer) -> None:
    """Crop, resize, convert and quantise a frame. Allocates nothing.

    numbers: eleven uint16: width, height and format of the frame (0 grey, 1 RGB565 little-endian, 2 big-endian, 3 RGB888);
    left, top, width and height of the crop; width, height and channels (1 or 3) of the output; method (0 nearest, 1 area,
    2 bilinear). table: the int8 value of each of 256 levels, once for each channel. Raises ValueError when numbers are out of
    range or a buffer is too small.
    """
