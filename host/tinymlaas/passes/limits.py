"""What a module can say about its inputs, outputs and states: checked before anything is computed for it."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError, UnsupportedError
from ..graph import Graph, Tensor
from ..ops import OPS
from ..planfmt import ALIGN, DTYPES, MAX_RANK

_MOST_ENDS = (1 << 8) - 1  # fields of the header
_MOST_STATE_BLOCKS = (1 << 16) - 1
_MOST_MACS = 1 << 34  # TML_MAX_WORK: the loader refuses more, and here they would take minutes


def check(graph: Graph) -> None:
    """Raises UnsupportedError or ModelError, naming the tensor."""
    for role, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) > _MOST_ENDS:
            raise UnsupportedError(f"{graph.name}: {len(indices)} {role}s, supported are up to {_MOST_ENDS}; join some")
        for index in indices:
            _check_end(graph, role, graph.tensor(index))
    sizes = [-(-graph.tensor(s.read).size // ALIGN) for s in graph.states]
    if len(sizes) > _MOST_ENDS or sum(sizes) > _MOST_STATE_BLOCKS:
        what = f"{len(sizes)} variables of {sum(sizes) * ALIGN} elements"
        limits = f"up to {_MOST_ENDS} of {_MOST_STATE_BLOCKS * ALIGN}"
        raise UnsupportedError(f"{graph.name}: {what}, supported are {limits}; remember less")


def check_work(graph: Graph) -> None:
    """Raises UnsupportedError where operators, which have been checked, multiply more often than the loader allows."""
    macs = sum(OPS[op.code].macs(graph, op) for op in graph.ops)
    if macs > _MOST_MACS:
        raise UnsupportedError(
            f"{graph.name}: {macs} multiply-accumulates, supported are up to {_MOST_MACS}; make the input smaller"
        )


def _check_end(graph: Graph, role: str, tensor: Tensor) -> None:
    where = f"{graph.name}: {role} '{tensor.name}'"
    if tensor.dtype not in DTYPES or len(tensor.shape) > MAX_RANK or tensor.size == 0:
        found = f"is {tensor.dtype} {list(tensor.shape)}"
        raise UnsupportedError(
            f"{where} {found}; supported are {', '.join(DTYPES)} of up to {MAX_RANK} dimensions that are not 0"
        )
    quant = tensor.quant
    if quant is None:
        return
    if quant.per_channel:
        raise UnsupportedError(f"{where} is quantised per channel; quantise inputs and outputs per tensor")
    limits = np.iinfo(tensor.dtype if tensor.dtype in ("int8", "uint8", "int16") else "int32")
    if not limits.min <= quant.zero_point <= limits.max:
        raise ModelError(f"{where} is {tensor.dtype} with zero point {quant.zero_point}; convert the model again")
