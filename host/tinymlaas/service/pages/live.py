"""Pages that keep up: the browser says what it has seen, and gets only the parts that are different now.

A part is one element with an id. The poller, an element of its own, carries the fingerprints of all parts on the page; htmx asks with them
every 2 s, and swaps what comes back by id. An answer without news is 204 and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request, Response
from markupsafe import Markup

SEEN = "seen"
MOST_SEEN = 8192
_WIDTH = 10  # hex digits of a fingerprint: enough to tell the states of one page apart
_TAG = re.compile(r"\s*<\w+")


@dataclass(frozen=True, slots=True)
class Part:
    """An element. One with ``parts`` inside it is sent as a whole when others are in it, or in another order."""

    id: str
    html: Markup
    parts: tuple[Part, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of what it shows; of a container: of what is in it."""
        shown = json.dumps([part.id for part in self.parts]) if self.parts else self.html
        return hashlib.blake2b(f"{self.id} {shown}".encode()).hexdigest()[:_WIDTH]

    def news(self, seen: set[str]) -> list[Part]:
        """The largest parts that the browser does not have."""
        if self.fingerprint not in seen:
            return [self]
        return [new for part in self.parts for new in part.news(seen)]


def poller(request: Request, parts: Sequence[Part]) -> Markup:
    """The element that asks again; it has the address of the page."""
    query = urlencode([(key, value) for key, value in request.query_params.multi_items() if key != SEEN])
    seen = json.dumps({SEEN: "".join(part.fingerprint for part in _all(parts))})
    return Markup(
        '<div id="live" data-live hidden hx-get="{}" hx-trigger="every 2s" hx-swap="outerHTML" hx-vals="{}"></div>'
    ).format(request.url.path + (f"?{query}" if query else ""), seen)


def is_poll(request: Request) -> bool:
    """Whether the poller asks, rather than somebody who opens the page."""
    return request.headers.get("hx-request") == "true" and SEEN in request.query_params


def news(request: Request, parts: Sequence[Part]) -> Response:
    """What the browser has not seen, and a new poller; 204 when there is nothing."""
    text = request.query_params.get(SEEN, "")
    seen = {text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)}
    found = [new for part in parts for new in part.news(seen)]
    if not found:
        return Response(status_code=204)
    swaps = Markup("").join(Markup("<template>{}</template>").format(_swapped(new)) for new in found)
    return Response(poller(request, parts) + swaps, media_type="text/html")


def _all(parts: Iterable[Part]) -> list[Part]:
    return [one for part in parts for one in (part, *_all(part.parts))]


def _swapped(part: Part) -> Markup:
    return Markup(_TAG.sub(lambda tag: f'{tag[0]} hx-swap-oob="true"', part.html, count=1))
