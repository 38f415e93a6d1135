"""Keeps what converters print, in Python and in C++, out of a command's output."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """File descriptors 1 and 2 go to a file meanwhile; yields what reads it. Python's ``sys.stderr`` still talks."""
    with tempfile.TemporaryFile() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.stdout.flush()
        sys.stderr.flush()
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        saved, streams = [os.dup(1), os.dup(2)], (sys.stdout, sys.stderr)
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(saved[1], "w", buffering=1, closefd=False)
        try:
            yield lambda: _read(log.fileno())
        finally:
            sys.stdout.flush()
            logging.disable(level)
            sys.stdout, sys.stderr = streams
            for descriptor, copy in enumerate(saved, start=1):
                os.dup2(copy, descriptor)
                os.close(copy)


def _read(descriptor: int) -> str:
    sys.stdout.flush()
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")
