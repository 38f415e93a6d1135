"""/models: the catalogue; /models/NAME: versions, where they would run, what they consist of, why they were compiled so."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...errors import ServiceError
from .. import audit, builder, catalogue, devices
from ..api import builds as builds_api
from ..api import models as models_api
from ..api.deps import INT, LINE, Here
from ..api.shapes import FitRow
from ..database import reading, writing
from ..tables import Build, Model, Version
from . import give, words
from .live import Part
from .render import page, part
from .session import Operating, Visiting, needs

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Path(pattern=LINE, max_length=64)]
Number = Annotated[int, Path(ge=1, le=INT)]
BuildId = Annotated[int, Path(ge=1, le=INT)]
ROWS = 100


@router.get("/models")
def catalogue_page(
    request: Request, here: Here, who: Visiting, after: Annotated[str, Query(pattern=LINE, max_length=64)] = ""
) -> Response:
    """All models, by name, with their newest version."""
    newest = select(Version.model_id, func.max(Version.number).label("number")).group_by(Version.model_id).subquery()
    query = (
        select(Model.name, Version)
        .join(newest, newest.c.model_id == Model.id)
        .join(Version, (Version.model_id == Model.id) & (Version.number == newest.c.number))
        .where(Model.name > after)
        .order_by(Model.name)
        .limit(ROWS + 1)
    )
    with reading(here.engine) as session:
        rows = session.execute(query).all()
        targets = give.suggestions(session) if who.may("operator") else []
    more: dict[str, Any] = {
        "rows": rows[:ROWS],
        "next": rows[ROWS - 1][0] if len(rows) > ROWS else None,
        "targets": targets,
    }
    return page(request, who, "models.html", most=here.settings.max_model_bytes, **more)


def upload_of(
    file: Annotated[UploadFile | str, File()] = "",
    name: Annotated[str, Form(max_length=64)] = "",
    labels: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=catalogue.MAX_NOTE_CHARS)] = "",
) -> catalogue.Upload:
    """The form's model, named after its file when it has no name; ServiceError 422 without a file."""
    if isinstance(file, str) or not file.filename:
        raise ServiceError(422, "no file was chosen", "choose a .tflite file, or drop one on the field")
    lines = [line.strip() for line in labels.splitlines() if line.strip()]
    return catalogue.Upload(name.strip() or name_of(file.filename), file.file.read(), lines or None, note)


@router.post("/models")
def upload(
    here: Here,
    who: Operating,
    sent: Annotated[catalogue.Upload, Depends(upload_of)],
    to: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """A new version of a model; and, with ``to``, a rollout of it. What cannot be compiled is refused with the reason."""
    if to:
        with reading(here.engine) as session:
            give.target(session, to)  # a mistyped name is found before a version is made
    version = catalogue.add(here, sent, who.name)
    if not to:
        return RedirectResponse(f"/models/{sent.name}", 303)
    with writing(here.engine) as session:
        return RedirectResponse(give.place(give.give(session, sent.name, version.number, to, who.name)), 303)


def name_of(filename: str) -> str:
    """A model's name after its file: lower case, without folders and ending."""
    stem = re.split(r"[/\\]", filename)[-1].rsplit(".", 1)[0].lower()
    return re.sub(r"[^a-z0-9_.-]+", "-", stem).strip("-_.")[:64]


@router.get("/models/{name}")
def show(
    request: Request, here: Here, who: Visiting, name: Name, version: Annotated[int | None, Query(ge=1, le=INT)] = None
) -> Response:
    """One model, at one of its versions, the newest without one."""
    with reading(here.engine) as session:
        found = catalogue.version_of(session, name, version)
        model = found.model
        parts = [_fit(session, found), _builds(session, found, who.may("operator"), who.csrf)]
        targets = give.suggestions(session) if who.may("operator") else []
        more: dict[str, Any] = {"versions": list(reversed(model.versions)), "facts": found.facts, "targets": targets}
        return page(request, who, "model.html", parts=parts, name=model.name, version=found, **more)


@router.post("/models/{name}/versions/{number}/again")
def again(here: Here, who: Operating, name: Name, number: Number) -> Response:
    """A new version with the source of this one."""
    with writing(here.engine) as session:
        catalogue.again(session, catalogue.version_of(session, name, number), who.name)
    here.work.set()
    return RedirectResponse(f"/models/{name}", 303)


@router.get("/models/{name}/versions/{number}/source")
def source(here: Here, who: Visiting, name: Name, number: Number) -> Response:
    """The .tflite as it was uploaded."""
    return models_api.get_source(here, needs(who, "operator").holder, name, number)


@router.get("/builds/{build}/module")
def module(here: Here, who: Visiting, build: BuildId) -> Response:
    """A compiled module."""
    response = builds_api.get_module(here, needs(who, "operator").holder, build)
    response.headers["Content-Disposition"] = f'attachment; filename="build-{build}.tml"'
    return response


@router.post("/builds/{build}/retry")
def retry(here: Here, who: Operating, build: BuildId) -> Response:
    """Puts a failed build back into the queue."""
    with writing(here.engine) as session:
        found = builds_api.build_of(session, build)
        builder.retry(session, found)
        audit.append(session, who.name, "build.retry", str(build))
        place = f"/models/{found.version.model.name}?version={found.version.number}"
    here.work.set()
    return RedirectResponse(place, 303)


def _fit(session: Session, version: Version) -> Part:
    rows = models_api.fit_rows(session, version)
    boards = devices.sets_of(session, {row.name for row in rows if row.kind == "profile"})
    titled = [(row.title or boards[row.name].body["board"], row) for row in rows]
    shown = [
        *_alike([pair for pair in titled if pair[1].kind == "profile"]),
        *(t for t in titled if t[1].kind == "board"),
    ]
    made = [
        part(
            f"fit-{row.kind}-{row.name[:16]}",
            "fit_row.html",
            row=row,
            title=title,
            state=words.of_build(row.build_state),
        )
        for title, row in shown
    ]
    fits = sum(bool(row.verdict and row.verdict.fits) for _, row in shown)
    return part("fit", "fit.html", made, fits=fits, of=len(shown))


def _alike(rows: list[tuple[str, FitRow]]) -> list[tuple[str, FitRow]]:
    """One row for devices of a board with the same verdict, though their free heap differs a little: the one that is shortest of all."""
    found: dict[Any, tuple[str, FitRow]] = {}
    for title, row in rows:
        verdict = row.verdict
        key = (
            title,
            row.rfc7228_class,
            row.build_id,
            verdict and (verdict.fits, verdict.placement, bool(verdict.short)),
        )
        _, kept = found.get(key, (title, row))
        number = row.devices + (kept.devices if kept is not row else 0)
        worst = max(kept, row, key=lambda one: one.verdict.short if one.verdict else 0)
        found[key] = (title, worst.model_copy(update={"devices": number}))
    return sorted(found.values(), key=lambda pair: pair[0])


def _builds(session: Session, version: Version, may_change: bool, csrf: str) -> Part:
    rows = session.scalars(select(Build).where(Build.version_id == version.id).order_by(Build.profile)).all()
    made = [
        part(
            f"build-{row.id}",
            "build_row.html",
            build=row,
            state=words.of_build(row.state),
            may_change=may_change,
            csrf=csrf,
        )
        for row in rows
    ]
    return part("builds", "builds.html", made)
