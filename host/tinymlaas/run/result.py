"""What running a module gives: outputs and the board's figures, and the checks on either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import DeviceError, UsageError
from ..graph import Array
from ..unpack import Module
from .script import Facts

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """Outputs of N inferences (one array of shape (N, *output shape) per output of the model) and the board's figures."""

    outputs: tuple[Array, ...]
    board: str
    target: str
    arena_bytes: int
    module_bytes: int
    weights_in_place: bool
    runtime_flash_bytes: int | None
    counts: tuple[int, ...] = ()
    count_unit: str = ""  # "cycles" or "instructions"
    extra: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object that ``tinymlaas run --json`` prints."""
        out: dict[str, Any] = {
            "board": self.board,
            "target": self.target,
            "inferences": len(self.outputs[0]),
            "arena_bytes": self.arena_bytes,
            "module_bytes": self.module_bytes,
            "weights_in_place": self.weights_in_place,
            "runtime_flash_bytes": self.runtime_flash_bytes,
        }
        if self.count_unit:
            out[f"{self.count_unit}_per_inference"] = list(self.counts)
        return out | self.extra


def device_result(
    board: str,
    module: Module,
    facts: Facts,
    rows: Sequence[bytes],
    runtime_flash_bytes: int | None,
    counts: tuple[int, ...] = (),
    count_unit: str = "",
) -> Result:
    """The result of a run on a device that spoke for itself; ``rows`` are the output bytes of each inference."""
    return Result(
        outputs=decode_outputs(module, list(rows)),
        board=board,
        target=facts.target,
        arena_bytes=facts.arena_bytes,
        module_bytes=facts.module_bytes,
        weights_in_place=facts.weights_in_place,
        runtime_flash_bytes=runtime_flash_bytes,
        counts=counts,
        count_unit=count_unit,
    )


def check_inputs(module: Module, inputs: Array, name: str) -> Array:
    """The inputs as (N, bytes) uint8, or UsageError saying what shape and dtype the model takes."""
    if len(module.inputs) != 1:
        raise UsageError(f"{name}: the model has {len(module.inputs)} inputs; `run` feeds models with one")
    tensor = module.inputs[0]
    shapes = (
        [tensor.shape, tensor.shape[1:]] if tensor.shape[:1] == (1,) else [tensor.shape]
    )  # a batch of 1 may be left out
    if inputs.ndim < 1 or inputs.dtype != np.dtype(tensor.dtype) or inputs.shape[1:] not in shapes:
        wanted = f"(N, {', '.join(map(str, tensor.shape))}) {tensor.dtype}"
        raise UsageError(f"{name}: shape {inputs.shape} {inputs.dtype}; the model takes {wanted}")
    if len(inputs) == 0:
        raise UsageError(f"{name}: holds no inputs; give at least one")
    return np.ascontiguousarray(inputs).view(np.uint8).reshape(len(inputs), tensor.bytes)


def decode_outputs(module: Module, rows: list[bytes]) -> tuple[Array, ...]:
    """Output bytes of each inference, all outputs joined, as one array per output."""
    size = sum(t.bytes for t in module.outputs)
    wrong = [len(r) for r in rows if len(r) != size]
    if wrong:
        raise DeviceError(f"the board answered {wrong[0]} output bytes, the model has {size}")
    out, at = [], 0
    for tensor in module.outputs:
        data = b"".join(r[at : at + tensor.bytes] for r in rows)
        out.append(np.frombuffer(data, tensor.dtype).reshape(len(rows), *tensor.shape))
        at += tensor.bytes
    return tuple(out)
