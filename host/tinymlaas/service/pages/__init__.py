"""Pages for people, at /: the same data as the API's, by Jinja, kept up to date by htmx, readable and usable without JavaScript."""

from __future__ import annotations

from fastapi import FastAPI

from . import device, enrolment, errors, files, fleet, models, rollouts, signing_in

UPLOAD = "/models"  # where a form may bring a model


def add_pages(app: FastAPI) -> None:
    """Adds every page to the service."""
    errors.answer_errors(app)
    for one in (files, signing_in, fleet, enrolment, device, models, rollouts):
        app.include_router(one.router)
