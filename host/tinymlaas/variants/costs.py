"""What each part of a kernel takes on a core, fitted to measurement: ``costs.toml``, in cycles (m0plus) or executed instructions.

A kernel's file counts how often its parts run for the fields of a record; the cost of a layer is the sum of counts times costs.
``python -m tinymlaas.costs --fit`` measures and rewrites the table.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

Counts = dict[str, float]  # part of a kernel → how often it runs, or what it takes

PATH = Path(__file__).with_name("costs.toml")
_STAND_IN = "m3"  # for targets without figures, where there is only one kernel to choose from


@functools.cache
def table() -> dict[str, dict[str, dict[str, Counts]]]:
    """Target → kernel variant → operator → costs of its parts."""
    return tomllib.loads(PATH.read_text())


def fitted(target: str, variant: str, operator: str, counts: Counts) -> float:
    """Cycles or executed instructions; a part that the fit found to be free costs nothing, nor does what was never measured."""
    known = table().get(target) or table()[_STAND_IN]
    costs = known.get(variant, {}).get(operator, {})
    return sum(costs.get(part, 0.0) * count for part, count in counts.items())
