"""Whether the quantised model can become a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..compile import compile_model
from ..errors import UnsupportedError
from ..report import summary, thousands
from ..unpack import unpack
from .network import Layer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``convert`` would say, in one line."""

    compiles: bool
    text: str


def verdict(int8_model: bytes, name: str, layers: Sequence[Layer]) -> Verdict:
    """Compiles for any board; ``layers`` are those of the int8 network."""
    left = [x for x in layers if x.is_float and x.operator != "DEQUANTIZE"]
    if left:
        what = f"layer {left[0].index} {left[0].operator} has no int8 in TensorFlow Lite and stayed in float"
        return Verdict(False, f"{name}: {what}; replace it in the model or leave it to the application")
    try:
        facts = summary(unpack(compile_model(int8_model, name).module, name))
    except UnsupportedError as error:
        return Verdict(False, str(error))
    sizes = f"module {thousands(facts['module_bytes'])} B, arena {thousands(facts['arena_bytes'])} B"
    return Verdict(True, f"compiles: {sizes}, {thousands(facts['macs'])} MACs in {len(facts['layers'])} layers")
