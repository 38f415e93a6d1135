"""Templates to answers: the Jinja environment, how numbers and times are written, and the headers every page has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..tables import now
from . import live, words
from .live import Part
from .session import Visitor

# Nothing is loaded from, sent to, or framed by another site; no script or style stands in a page itself.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(
    request: Request, who: Visitor | None, template: str, *, status: int = 200, parts: Sequence[Part] = (), **more: Any
) -> Response:
    """A whole page; or, to its poller, the parts that changed. In the template ``parts`` are by id."""
    if live.is_poll(request):
        response = live.news(request, parts)
    else:
        poller = live.poller(request, parts) if parts else ""
        shown = {part.id: part.html for part in parts}
        html = _environment.get_template(template).render(
            who=who, poller=poller, parts=shown, path=request.url.path, **more
        )
        response = Response(html, status, media_type="text/html")
    response.headers.update(HEADERS)
    return response


def part(identity: str, template: str, parts: Sequence[Part] = (), **context: Any) -> Part:
    """A part made by a template whose first element has ``id="{{ id }}"``; inner ones come to it as ``parts``."""
    inner = [one.html for one in parts]
    html = _environment.get_template(f"parts/{template}").render(id=identity, parts=inner, **context)
    return Part(identity, Markup(html), tuple(parts))


def size(value: int | None) -> str:
    """Bytes as people read them: ``9 178 B``, ``187 KiB``."""
    if value is None:
        return ""
    if value < 10_000:
        return f"{number(value)} B"
    return f"{number(value // 1024)} KiB" if value < 10 << 20 else f"{number(value >> 20)} MiB"


def number(value: float) -> str:
    """With thin gaps between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def micros(value: int | None) -> str:
    """A time in microseconds: ``850 µs``, ``4.2 ms``, ``1.3 s``."""
    if value is None:
        return ""
    for limit, unit, scale in ((1000, "µs", 1), (1_000_000, "ms", 1000)):
        if value < limit:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e6:.3g} s"


def ago(at: datetime | None) -> str:
    """How long since, coarse enough not to change all the time."""
    if at is None:
        return "never"
    seconds = max(0, (now() - at).total_seconds())
    for limit, unit, scale in ((90, "", 1), (5400, "min", 60), (129_600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / scale:.0f} {unit} ago" if unit else "just now"
    return f"{seconds / 86_400:.0f} days ago"


def instant(at: datetime) -> str:
    """In UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def slug(text: str) -> str:
    """Part of an element's id: whatever CSS or htmx could take for syntax is written as its code."""
    return "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in text)


def state_name(state: str) -> str:
    """An action's state as people read it."""
    return words.STATE_NAMES.get(state, state)


def segment(text: str) -> str:
    """One part of a path in a link."""
    return quote(text, safe="")


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    {f.__name__: f for f in (size, number, micros, ago, instant, slug, segment, state_name, words.unbroken)}
)
