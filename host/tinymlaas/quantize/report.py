"""Everything that quantising has to say, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .accuracy import Accuracy, agreement
from .compare import Comparison, LayerError
from .verdict import Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """``accuracy`` is None without labels."""

    comparison: Comparison
    accuracy: Accuracy | None
    verdict: Verdict

    @property
    def samples(self) -> int:
        """How many samples both networks were run on."""
        return len(self.comparison.float_outputs)

    @property
    def agreement(self) -> float:
        """Share of samples for which float and int8 name the same class, 0 to 1."""
        return agreement(self.comparison.float_outputs, self.comparison.int8_outputs)

    def headline(self) -> str:
        """One line: what int8 cost."""
        count = f"{self.samples:,}".replace(",", " ") + (" samples" if self.samples != 1 else " sample")
        if self.accuracy is None:
            return f"int8 and float name the same class for {percent(self.agreement)} % of {count} (no labels given)"
        found, worst = self.accuracy, self.accuracy.worst
        change = f"{percent(worst.float_share)} → {percent(worst.int8_share)}"
        return (
            f"float {percent(found.float_share)} %  int8 {percent(found.int8_share)} %  "
            f"({count}; worst class '{worst.name}' {change})"
        )

    def as_json(self) -> dict[str, Any]:
        """Shares are 0 to 1."""
        return {
            "samples": self.samples,
            "agreement": round(self.agreement, 6),
            **_accuracy(self.accuracy),
            "int8_by": self.comparison.int8_by,
            "layers": [_layer(e) for e in self.comparison.layers],
            "compiles": self.verdict.compiles,
            "verdict": self.verdict.text,
        }


def percent(share: float) -> str:
    """A share in per cent, as in tables."""
    return f"{100 * share:.1f}"


def _accuracy(found: Accuracy | None) -> dict[str, Any]:
    if found is None:
        return {"float_accuracy": None, "int8_accuracy": None, "classes": []}
    classes = [
        {"name": c.name, "samples": c.samples, "float": round(c.float_share, 6), "int8": round(c.int8_share, 6)}
        for c in found.classes
    ]
    shares = {"float_accuracy": round(found.float_share, 6), "int8_accuracy": round(found.int8_share, 6)}
    return shares | {"worst_class": found.worst.name, "classes": classes}


def _layer(e: LayerError) -> dict[str, Any]:
    x = e.layer
    figures = {"sqnr_db": _rounded(e.sqnr_db), "rms_percent": _rounded(e.rms_percent)}
    return {"index": x.index, "operator": x.operator, "tensor": x.tensor, "shape": list(x.shape)} | figures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
