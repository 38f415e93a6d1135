"""Arrays that users give as files: ``.npy``, or several in an ``.npz``. Never pickles, which can run code."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .errors import UsageError
from .graph import Array


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a file by their names; that of an ``.npy`` is the file's. Raises UsageError."""
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {path.stem: loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, MemoryError, BadZipFile, zlib.error) as error:
        raise UsageError(f"{path}: no .npy or .npz of plain numbers; write it with numpy.save") from error


def read_array(path: Path) -> Array:
    """The only array of a file. Raises UsageError."""
    arrays = read_arrays(path)
    if len(arrays) != 1:
        names = ", ".join(arrays) or "none"
        raise UsageError(f"{path}: {len(arrays)} arrays ({names}); give one: numpy.save('{path.stem}.npy', inputs)")
    return next(iter(arrays.values()))
