"""Features of speech. Explained in docs/DEVICE_API.md."""

from array import array
from collections.abc import Iterator
from typing import Final

from typing_extensions import Buffer

CHANNELS: Final[int]
RATE_HZ: Final[int]

class Features:
    """The front-end: 30 ms of sound become a frame of 40 features, every hop_ms milliseconds. Takes 2.3 KB of heap."""

    frame: array[int]
    """The newest frame: 40 features, 0 to about 700, in 1/64 of a neper. Stays the same object."""

    def __init__(self, sample_rate: int = 16000, hop_ms: int = 10) -> None:
        """hop_ms: 20 for micro_speech, 10 for microWakeWord. Raises ValueError, or ImportError without _tinyml_audio."""
    def reset(self) -> None:
        """Forget all sound and the estimate of the background noise."""
    def step(self, samples: Buffer, at: int = 0) -> int:
        """Take int16 samples, from number `at` on, until a frame is complete.

        Returns where to go on, with the new frame in self.frame; -1: all are taken, and the frame needs more. Allocates nothing.
        """
    def feed(self, samples: Buffer) -> Iterator[array[int]]:
        """Take a block of samples; yields self.frame each time that it holds a new frame."""
    def into(self, out: Buffer, scale: float | None = None, zero_point: int = -128) -> None:
        """Write the frame, quantised, into 40 int8 values.

        scale None: feature * 256 / 666 + zero_point, as micro_speech's own application does. Otherwise feature / 25.6 / scale
        + zero_point, for models trained on real features. Raises ValueError.
        """
