"""Draws accuracy by class and error by layer into one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..report import shape_text
from .accuracy import Accuracy
from .compare import LayerError

_FLOAT, _INT8 = "#e8a33d", "#1f5f8b"
_INCHES_PER_ROW = 0.32
_MOST_ROWS = 60  # a picture of hundreds of layers or classes is read by nobody; the table has them all


def draw(path: Path, title: str, accuracy: Accuracy | None, layers: tuple[LayerError, ...]) -> None:
    """Format by the file's ending."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    heights = [len(part) for part in ([accuracy.classes] if accuracy else []) + [layers]]
    heights = [1 + min(h, _MOST_ROWS) for h in heights]
    figure, axes = plt.subplots(
        len(heights),
        figsize=(9.5, 1.4 + _INCHES_PER_ROW * sum(heights) + 0.5 * len(heights)),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    if accuracy:
        _classes(axes[0][0], accuracy)
    _layers(axes[-1][0], layers[:_MOST_ROWS])
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _classes(axes: Any, accuracy: Accuracy) -> None:
    shown = accuracy.classes[:_MOST_ROWS]
    for offset, colour, label, shares in (
        (-0.2, _FLOAT, "float", [c.float_share for c in shown]),
        (0.2, _INT8, "int8", [c.int8_share for c in shown]),
    ):
        axes.barh([i + offset for i in range(len(shown))], [100 * s for s in shares], 0.4, color=colour, label=label)
    for i, c in enumerate(shown):
        text = f"  {100 * c.float_share:.1f} → {100 * c.int8_share:.1f}"
        axes.text(100 * max(c.float_share, c.int8_share), i, text, va="center", fontsize=7)
    _rows(axes, [f"{c.name}  ({c.samples})" for c in shown], "accuracy by class, %")
    axes.set_xlim(0, 118)
    axes.set_xticks(range(0, 101, 20))
    axes.legend(loc="lower left", bbox_to_anchor=(1.0, 0.0), fontsize=8, frameon=False)


def _layers(axes: Any, layers: tuple[LayerError, ...]) -> None:
    axes.barh(range(len(layers)), [max(e.sqnr_db or 0.0, 0.0) for e in layers], 0.6, color=_INT8)
    for i, e in enumerate(layers):
        axes.text(max(e.sqnr_db or 0.0, 0.0), i, f"  {_words(e)}", va="center", fontsize=7)
    names = [f"{e.layer.index}  {e.layer.operator} → {shape_text(e.layer.shape)}" for e in layers]
    _rows(axes, names, "signal to quantisation noise by layer, dB (more is better)")


def _words(e: LayerError) -> str:
    if e.rms_percent is None:
        return "not in the float network under this name"
    return f"{e.sqnr_db:.1f} dB, {e.rms_percent:.2f} % of range" if e.sqnr_db is not None else "exact"


def _rows(axes: Any, names: list[str], label: str) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(label, fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.25, y=0.01)
    axes.spines[["top", "right"]].set_visible(False)
