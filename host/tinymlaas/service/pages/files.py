"""The style sheet, our few lines of script, the mark, and htmx out of an installed package."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response

from ...errors import ServiceError
from .render import HEADERS

router = APIRouter(include_in_schema=False)
_HTMX = "htmx.min.js"
_TYPES = {"style.css": "text/css", "live.js": "text/javascript", "mark.svg": "image/svg+xml", _HTMX: "text/javascript"}


@router.get("/static/{name}")
def static(name: str) -> Response:
    """One of the files."""
    if name not in _TYPES:
        raise ServiceError(404, f"there is no file '{name[:70]}'", "")
    headers = {**HEADERS, "Cache-Control": "max-age=300"}
    return Response(_read(name), media_type=_TYPES[name], headers=headers)


@router.get("/favicon.ico")
def icon() -> Response:
    """What browsers ask for by themselves."""
    return static("mark.svg")


@cache
def _read(name: str) -> bytes:
    path = _htmx() if name == _HTMX else Path(__file__).parent / "static" / name
    return path.read_bytes()


def _htmx() -> Path:
    """Where django-htmx keeps htmx 2; Django itself is never imported. ServiceError 404 without it: pages then do not update themselves."""
    found = importlib.util.find_spec("django_htmx")
    folders = [Path(folder) for folder in found.submodule_search_locations or ()] if found else []
    for folder in folders:
        if (path := folder / "static" / "django_htmx" / "htmx-2.min.js").is_file():
            return path
    raise ServiceError(404, "htmx is not installed", "pip install 'tinymlaas[service]'")
