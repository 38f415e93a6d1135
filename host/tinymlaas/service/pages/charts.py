"""Health over time as small inline SVG pictures.

By hand, because of the Content-Security-Policy: charting libraries bring style attributes, styles or scripts of their own, which pages may
not have. Colours are the style sheet's, so that they follow the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, log10
from typing import Any

from .render import micros, number, size

WIDTH, HEIGHT = 340, 130  # of the viewBox; text is drawn at its size on a phone
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 8, 12, 20


@dataclass(frozen=True, slots=True)
class Mark:
    """A word beside an axis, at a place in the picture."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws: ``line`` is a polyline's points; ``changes`` are where another version of the model began."""

    title: str
    summary: str
    line: str
    last: tuple[float, float]
    rows: list[Mark]
    begins: str
    ends: str
    changes: list[Mark]


Report = tuple[datetime, dict[str, Any]]


def health(reports: Sequence[Report]) -> list[Chart]:
    """Inference time, heap free and errors, as far as they were reported; oldest report first."""
    wanted: tuple[tuple[str, str, Callable[[int], str], int], ...] = (
        ("Inference time", "inference_us", micros, 1),
        ("Heap free", "heap_free", size, 1024),
        ("Errors", "errors", number, 1),
    )
    found = [_chart(title, key, text, unit, reports) for title, key, text, unit in wanted]
    return [chart for chart in found if chart is not None]


def _chart(title: str, key: str, text: Callable[[int], str], unit: int, reports: Sequence[Report]) -> Chart | None:
    said = [(at, body[key], f"v{body['version']}") for at, body in reports if body.get(key) is not None]
    if not said:
        return None
    values = [value for _, value, _ in said]
    rows = [unit * row for row in ticks(min(values) // unit, -(-max(values) // unit))]
    across = _scale(said[0][0].timestamp(), said[-1][0].timestamp(), _LEFT, WIDTH - _RIGHT)
    up = _scale(rows[0], rows[-1], HEIGHT - _BOTTOM, _TOP)
    places = [(round(across(at.timestamp()), 1), round(up(value), 1)) for at, value, _ in said]
    changes = [
        Mark(place[0], version)
        for place, (_, _, version), (_, _, before) in zip(places[1:], said[1:], said[:-1], strict=True)
        if version != before
    ]
    return Chart(
        title,
        f"{title}: {text(min(values))} to {text(max(values))} in {len(said)} reports, {text(values[-1])} in the last",
        " ".join(f"{x},{y}" for x, y in places),
        places[-1],
        [Mark(round(up(value), 1), text(value)) for value in rows],
        _time(said[0][0], said),
        _time(said[-1][0], said) if len(said) > 1 else "",
        changes[-4:],
    )


def ticks(low: int, high: int) -> list[int]:
    """Two to four round values that enclose low and high."""
    if low == high:
        low, high = (0, max(1, high)) if low < 10 else (low - low // 10, high + high // 10)
    step = max(1, int(_round_up((high - low) / 3)))
    first, last = floor(low / step), ceil(high / step)
    return [step * n for n in range(first, last + 1)]


def _round_up(value: float) -> float:
    power = 10 ** floor(log10(value)) if value > 0 else 1
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.999)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _time(at: datetime, said: Sequence[Any]) -> str:
    span = (said[-1][0] - said[0][0]).total_seconds()
    return f"{at:%H:%M:%S}" if span < 3600 else f"{at:%H:%M}" if span < 86_400 else f"{at:%b %d}"
