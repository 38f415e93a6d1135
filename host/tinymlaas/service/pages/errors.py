"""Refusals as pages: the same reason and remedy as in JSON, with the way back in terms of pages."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.responses import JSONResponse
from starlette.types import Scope

from .render import page
from .session import NotSignedIn

_NOT_PAGES = ("/api/", "/metrics", "/healthz")
_INSTEAD = {  # of remedies that speak of the API
    "GET /api/v1/devices lists them": "look for it in the fleet",
    "GET /api/v1/models lists them": "look for it among the models",
    "GET /api/v1/rollouts lists them": "look for it among the rollouts",
    "PUT /api/v1/groups/GROUP/devices/ID": "put devices into it on their pages",
    "see /api/v1/openapi.json for what there is": "go to the fleet",
    "see /api/v1/openapi.json": "check what was entered",
}


def answer_errors(app: FastAPI) -> None:
    """Sends whoever is not signed in to the sign-in page."""

    @app.exception_handler(NotSignedIn)
    async def not_signed_in(request: Request, error: NotSignedIn) -> Response:
        query = urlencode({"next": error.back}) if error.back != "/" else ""
        target = "/sign-in" + (f"?{query}" if query else "")
        if request.headers.get("hx-request") == "true":
            return Response(status_code=204, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)


def dressed(scope: Scope, answer: JSONResponse) -> Response:
    """The refusal as a page, where a page was asked for; else as it is."""
    if scope["path"].startswith(_NOT_PAGES):
        return answer
    said = json.loads(bytes(answer.body))
    remedy = _INSTEAD.get(said["remedy"], said["remedy"])
    response = page(
        Request(scope),
        None,
        "error.html",
        status=answer.status_code,
        code=answer.status_code,
        reason=said["error"],
        remedy=remedy,
    )
    kept = ("retry-after", "allow", "connection")
    response.headers.update({name: answer.headers[name] for name in kept if name in answer.headers})
    return response
