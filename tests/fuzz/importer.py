"""Any bytes are a .tflite: they become a graph, or end in one clear error."""

from __future__ import annotations

from tinymlaas.compile import compile_model
from tinymlaas.errors import TinymlError
from tinymlaas.tflite.importer import read

MOST_ELEMENTS = 4096  # of tensors: compiling larger ones would show the speed of numpy


def try_bytes(data: bytes) -> str:
    """What became of it: refused, read (a graph too large to compile here) or compiled. Whatever else is raised is a defect."""
    try:
        graph = read(data, "model")
        if sum(t.size for t in graph.tensors) > MOST_ELEMENTS:
            return "read"
        compile_model(data, "model")
    except TinymlError as error:
        return "refused" if str(error) else "an error without words"
    return "compiled"
