"""Accuracy of a module on the emulated Raspberry Pi Pico."""

from __future__ import annotations

import numpy as np

from tinymlaas.quantize.network import quantised
from tinymlaas.run import run_module
from tinymlaas.unpack import unpack


def share_right(module: bytes, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Share of real-valued inputs (N, ...) that the module tells right, 0 to 1."""
    tensor = unpack(module).inputs[0]
    given = quantised(inputs, tensor.scale, tensor.zero_point)
    outputs = run_module(module, "model", "pico", given).outputs[0].reshape(len(labels), -1)
    return float((outputs.argmax(axis=1) == labels).mean())
