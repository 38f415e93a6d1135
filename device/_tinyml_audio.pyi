"""The native module under tinyml.audio: the front-end of speech models."""

from typing import Final

from typing_extensions import Buffer

STATE_BYTES: Final[int]
"""Size of the state, a bytearray that the caller keeps."""

def reset(state: Buffer, hop: int) -> None:
    """Silence so far. hop: samples from one frame to the next, 1 to 480. Raises ValueError."""

def feed(state: Buffer, samples: Buffer, at: int, frame: Buffer) -> int:
    """Take int16 samples from number `at` on. Allocates nothing. Raises ValueError.

    Returns where it stopped, with 40 new uint16 features in `frame`; -1: all are taken and make no frame.
    """

def quantise(frame: Buffer, out: Buffer, numerator: int, denominator: int, zero_point: int) -> None:
    """out[i] = frame[i] * numerator / denominator + zero_point: 40 int8 values, rounded and saturated. Raises ValueError.

    Numerator and denominator are 1 to 2^21.
    """
