"""The native module under tinyml. Apps use tinyml.Model; this is for those who build something else on the C core."""

from collections.abc import Callable
from typing import Final

from typing_extensions import Buffer

FORMAT_VERSION: Final[int]
"""Version of the module format that this build reads."""
RUNTIME_VERSION: Final[int]
"""Modules that need a later runtime are refused."""
HEADER_BYTES: Final[int]
"""Size of a module's header."""

def target() -> str:
    """Kernel target of this build: "any", "m0plus", "m3", "m4", "rv32" or "x64"."""

class Model:
    """A verified module and its arena."""

    def __init__(self, buffer: Buffer) -> None:
        """Verify a module in place and allocate its arena; the buffer must start at a multiple of 16 and stay unchanged.

        Raises ValueError with what is wrong and the numbers, MemoryError when the arena does not fit the heap.
        """
    def tensor(self, index: int) -> memoryview:
        """Writable view of an input, or after those of an output. Raises IndexError."""
    def run(self) -> None:
        """One inference. Allocates nothing."""
    def run_counted(self, address: int) -> int:
        """One inference; returns the ticks that the free-running counter at an address made meanwhile.

        address 0: executed instructions on RISC-V, cycles on Xtensa, always 0 elsewhere.
        """
    def profile(self, clock: int | Callable[[], int]) -> tuple[int, ...]:
        """One inference; the ticks that each record of the module took, in order.

        clock: address of a counter as for run_counted, or a function such as time.ticks_us, whose ticks count modulo 2^30.
        """
    def step(self, clock: int | Callable[[], int], budget: int) -> bool:
        """Run slices of an inference for so many ticks, at least one slice; True when the inference is done.

        run, run_counted, profile, selftest, run_slice and restart abandon an inference that was begun.
        """
    def restart(self) -> None:
        """The next step begins an inference."""
    def reset(self) -> None:
        """As after loading: the state at its beginning, no inference begun."""
    def state(self) -> memoryview:
        """Writable view of what is kept between runs; empty for models that keep nothing."""
    def run_slice(self, record: int, slice: int) -> int:
        """Run one slice of a record, if it has that many; returns how many it has, at least 1. Raises IndexError.

        All slices of all records, record after record, are an inference.
        """
    def selftest(self, index: int) -> int:
        """Run one test vector; returns how many output bytes differ. Raises IndexError."""
