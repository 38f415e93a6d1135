"""Runs int8 networks on MicroPython: what `import tinyml` offers on a device. Explained in docs/DEVICE_API.md."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from typing_extensions import Buffer

__version__: Final[str]

class Profile(list[tuple[str, float]]):
    """(operator, time) of each layer, in order of execution; prints as a table."""

    unit: str
    runs: int
    """Inferences that were averaged."""
    @property
    def total(self) -> float:
        """Sum over the layers."""

class Model:
    """An inference module, loaded and verified, with an arena of its own.

    Every tuple that describes inputs or outputs has one entry per tensor. real = scale * (q - zero_point).
    """

    inputs: tuple[memoryview, ...]
    """Writable views into the arena, flat, one item per element. Write them before each run(), which overwrites them."""
    outputs: tuple[memoryview, ...]
    """Views into the arena; valid after run() until an input is written or run() is called again."""
    input_shape: tuple[tuple[int, ...], ...]
    """Dimensions, outermost first, with the batch of 1: ((1, 8, 8, 1),)."""
    output_shape: tuple[tuple[int, ...], ...]
    input_dtype: tuple[str, ...]
    """"int8" for all models that this version compiles."""
    output_dtype: tuple[str, ...]
    input_scale: tuple[float, ...]
    output_scale: tuple[float, ...]
    input_zero_point: tuple[int, ...]
    output_zero_point: tuple[int, ...]
    arena_bytes: int
    """Heap for activations and scratch."""
    module_bytes: int
    """Size of the module, wherever it lies."""
    weights_in_place: bool
    """True: the module is used where it lies, outside the heap. False: it lies in the heap."""
    n_selftests: int
    """Number of test vectors in the module."""

    def __init__(self, source: str | Buffer, verify: bool = True) -> None:
        """Load from a path, or from a buffer whose bytes must stay as they are while the model is used.

        verify: compare the file's SHA-256 first; the loader checks everything it relies on either way.
        Raises OSError (no such file), ValueError (not a module, damaged, for another version or target), MemoryError
        with the bytes needed and the largest free block.
        """
    def run(self) -> None:
        """Inputs to outputs. Allocates nothing."""
    def step(self, budget_us: int) -> bool:
        """Run part of an inference; True when it is done, False: call again. Allocates nothing.

        budget_us: microseconds that this part may take. At least one slice is run, which may be longer; it ends early where the
        next slice would not fit. While it returns False, inputs and outputs must not be touched: the inference uses their
        bytes. run(), predict(), arun(), selftest(), profile() and reset() abandon an inference that was begun; the next step()
        begins a new one, for which the inputs must be written again.
        """
    async def arun(self, budget_us: int = 2000) -> None:
        """An inference in steps of budget_us microseconds; other asyncio tasks run between them. The result is that of run().

        Raises RuntimeError when another inference of this model began meanwhile.
        """
    def profile(self, clock: int | Callable[[], int] | None = None, unit: str = "us") -> Profile:
        """Time of each layer, averaged over as many runs as it takes to measure the shortest one well. Overwrites the inputs.

        clock: address of a counter, or a function without arguments; unit: the name of its ticks. None: the best clock of the
        board, in microseconds.
        """
    def predict(self, inputs: Sequence[Iterable[Any]]) -> list[list[float]]:
        """Real numbers in, real numbers out.

        inputs: one (nested) iterable of numbers per input; they are rounded half away from zero and saturated.
        Returns one flat list per output. Raises ValueError for a wrong count or nan, TypeError for text.
        """
    def top(self, k: int = 1, output: int = 0) -> list[tuple[str, float]]:
        """The k largest values of an output after run(): (label, real value), largest first."""
    def selftest(self) -> bool:
        """Run the module's test vectors; True when every output byte is the compiler's. Overwrites the inputs.

        Raises ValueError when the module has no vectors.
        """
    def reset(self) -> None:
        """Forget what a stateful model remembers between runs, and an inference that step() began."""
    def get_state(self) -> bytes:
        """What a stateful model remembers between runs, for set_state(); empty for one that remembers nothing."""
    def set_state(self, state: Buffer) -> None:
        """Go on where get_state() of the same module was called. Raises ValueError for another length."""
    @property
    def ram(self) -> int:
        """Bytes of heap: the arena, and the module where it is not used in place."""
    @property
    def labels(self) -> list[str]:
        """Names of the classes; "0", "1", ... where the module has none."""
    @property
    def metadata(self) -> dict[str, Any]:
        """The module's JSON: name, inputs, outputs, labels, source_sha256, made_by."""
