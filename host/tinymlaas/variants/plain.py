"""Cost of the portable kernels, in cycles (m0plus) or executed instructions (other targets); fitted to `make bench`."""

from __future__ import annotations

from ..plan import Step

# Per multiply-accumulate and per output element, by target.
_PER_MAC = {"m0plus": 12.0, "m3": 8.0, "m4": 8.0, "rv32": 7.0}
_PER_OUTPUT = {"m0plus": 60.0, "m3": 30.0, "m4": 30.0, "rv32": 30.0}
_DEFAULT_PER_MAC, _DEFAULT_PER_OUTPUT = 8.0, 30.0


def cost(step: Step, target: str) -> float:
    """Predicted cycles or instructions of the layer with its portable kernel."""
    per_mac = _PER_MAC.get(target, _DEFAULT_PER_MAC)
    return step.macs * per_mac + step.outputs * _PER_OUTPUT.get(target, _DEFAULT_PER_OUTPUT)
