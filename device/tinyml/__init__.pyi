"""Runs int8 networks on MicroPython: what `import tinyml` offers on a device. Explained in docs/DEVICE_API.md."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from typing_extensions import Buffer

__version__: Final[str]

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
        """Forget what a stateful model remembers between runs. No operator of this version keeps state."""
    @property
    def ram(self) -> int:
        """Bytes of heap: the arena, and the module where it is not used in place."""
    @property
    def labels(self) -> list[str]:
        """Names of the classes; "0", "1", ... where the module has none."""
    @property
    def metadata(self) -> dict[str, Any]:
        """The module's JSON: name, inputs, outputs, labels, source_sha256, made_by."""
