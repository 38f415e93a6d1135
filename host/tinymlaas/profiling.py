"""A measured profile beside the prediction: rows, facts for ``--json``, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .predict import UNITS, layer_costs
from .report import Layer, layers, shape_text, thousands
from .run import Profile
from .unpack import Module

_BARS = {"measured": "#1f5f8b", "predicted": "#e8a33d"}
_INCHES_PER_LAYER = 0.34


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, or (layer None) the whole model: figures in the profile's unit."""

    layer: Layer | None
    macs: int
    measured: float
    predicted: float | None  # None where there is no cost model, or no clock to make a time of it
    share: float  # of the sum of all layers

    @property
    def ratio(self) -> float | None:
        """Predicted to measured."""
        return self.predicted / self.measured if self.predicted is not None and self.measured else None


def rows(module: Module, profile: Profile) -> list[Row]:
    """One per layer, then their sum."""
    found, predicted = layers(module), _predicted(module, profile)
    guesses = predicted or (None,) * len(found)
    out = [
        Row(layer, layer.macs, measured, guess, measured / profile.total if profile.total else 0.0)
        for layer, measured, guess in zip(found, profile.layers, guesses, strict=True)
    ]
    return [*out, Row(None, sum(r.macs for r in out), profile.total, sum(predicted) if predicted else None, 1.0)]


def _predicted(module: Module, profile: Profile) -> tuple[float, ...] | None:
    """Costs of the layers in the profile's unit; None where the cost model does not tell."""
    unit = UNITS.get(profile.target)
    if unit == profile.unit:
        return layer_costs(module, profile.target)
    if unit == "cycles" and profile.clock_hz:
        return tuple(cost * 1e6 / profile.clock_hz for cost in layer_costs(module, profile.target))
    return None


def facts(module: Module, profile: Profile) -> dict[str, Any]:
    """What ``profile --json`` prints; figures in ``unit``."""
    *found, total = rows(module, profile)
    return {
        "name": module.metadata.get("name", ""),
        "board": profile.board,
        "target": profile.target,
        "made_for": module.target,
        "unit": profile.unit,
        "how": profile.how,
        "layers": [_layer(row) for row in found],
        "total": _figures(total) | {"macs": total.macs, "whole_run": profile.whole},
        "reading_per_layer": round(profile.reading, 1),
    }


def _layer(row: Row) -> dict[str, Any]:
    assert row.layer is not None
    x = row.layer
    shapes = {"in_shape": list(x.in_shape), "out_shape": list(x.out_shape)}
    head = {"index": x.index, "operator": x.operator, "kernel": x.kernel, **shapes, "macs": x.macs}
    return head | _figures(row) | {"share": round(row.share, 4)}


def _figures(row: Row) -> dict[str, Any]:
    predicted = None if row.predicted is None else round(row.predicted, 1)
    return {
        "measured": round(row.measured, 3),
        "predicted": predicted,
        "predicted_to_measured": None if row.ratio is None else round(row.ratio, 3),
    }


def figure_text(value: float, unit: str) -> str:
    """A count in whole numbers, a time with a digit behind the point."""
    return thousands(round(value)) if unit != "microseconds" else f"{value:,.1f}".replace(",", " ")


def plot(module: Module, profile: Profile, path: Path) -> None:
    """Draws each layer's measured and predicted figure as bars. Format by the file's ending."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    *found, total = rows(module, profile)
    size = (9.5, 1.6 + _INCHES_PER_LAYER * len(found))
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    _draw_bars(axes, found, profile.unit)
    axes.set_yticks(range(len(found)), [_label(row) for row in found], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(profile.unit, fontsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: thousands(round(value)))
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.16, y=0.01)
    axes.spines[["top", "right"]].set_visible(False)
    if total.predicted is not None:
        axes.legend(loc="best", fontsize=8, frameon=False)
    name = module.metadata.get("name", "module")
    title = f"{name} on {profile.board}: {figure_text(total.measured, profile.unit)} {profile.unit}"
    figure.suptitle(f"{title} per inference\n{profile.how}", fontsize=9)  # over the labels too: it is long
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_bars(axes: Any, found: list[Row], unit: str) -> None:
    """Two bars a layer, or one where nothing was predicted; the measured figure and share beside them."""
    both = found[0].predicted is not None
    height = 0.4 if both else 0.6
    for kind, colour in _BARS.items() if both else [("measured", _BARS["measured"])]:
        offset = 0.0 if not both else -0.2 if kind == "measured" else 0.2
        at = [i + offset for i in range(len(found))]
        axes.barh(at, [getattr(row, kind) for row in found], height, color=colour, label=kind)
    for i, row in enumerate(found):
        longest = max(row.measured, row.predicted or 0.0)
        text = f"  {figure_text(row.measured, unit)}  {100 * row.share:.1f} %"
        axes.text(longest, i, text, va="center", fontsize=7)


def _label(row: Row) -> str:
    assert row.layer is not None
    x = row.layer
    kernel = "" if x.kernel == "plain" else f" ({x.kernel})"
    return f"{x.index}  {x.operator}{kernel}  {shape_text(x.in_shape)} → {shape_text(x.out_shape)}"
