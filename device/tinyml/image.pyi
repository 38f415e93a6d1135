"""Camera frames into image models. Explained in docs/DEVICE_API.md."""

from typing import Literal

from typing_extensions import Buffer

from . import Model

class Fit:
    """Puts frames of one size and format into an input of a model."""

    crop: tuple[int, int, int, int]
    """(left, top, width, height) of the part that is used, in pixels of the frame."""

    def __init__(
        self,
        model: Model,
        width: int,
        height: int,
        format: Literal["gray", "rgb565le", "rgb565be", "rgb888"],
        crop: tuple[int, int, int, int] | None = None,
        method: Literal["nearest", "area", "bilinear"] = "area",
        levels: tuple[float, float] | None = None,
        index: int = 0,
    ) -> None:
        """crop None: the largest part in the middle with the proportions of the input.

        levels: the real values that black and white had in training, such as (0, 1) or (-1, 1); None: -128 and 127 in int8.
        index: of the input. Raises ValueError, or ImportError without _tinyml_image.
        """
    def put(self, frame: Buffer) -> None:
        """Write a frame into the model's input: before each run(), which overwrites it. Allocates nothing.

        Raises ValueError when the frame is too small.
        """
