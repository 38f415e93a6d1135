"""/models: upload, list, sources, fit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, Response, UploadFile
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...target import load_boards
from .. import catalogue
from ..database import reading, writing
from ..tables import Model, Version
from . import shapes
from .deps import INT, LINE, MOST_ROWS, Here, Operator, SignerOrOperator, Viewer, refusals

router = APIRouter(prefix="/models", tags=["models"])
Name = Annotated[str, Path(pattern=catalogue.NAME)]
Number = Annotated[int, Path(ge=1, le=INT)]


@router.get("", responses=refusals())
def list_models(
    here: Here,
    caller: Viewer,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    after: Annotated[str, Query(pattern=LINE, max_length=64)] = "",
) -> shapes.Page[shapes.ModelShape]:
    """All models by name."""
    newest = select(func.max(Version.number)).where(Version.model_id == Model.id).scalar_subquery()
    query = select(Model, newest).where(Model.name > after).order_by(Model.name).limit(limit + 1)
    with reading(here.engine) as session:
        rows = session.execute(query).all()
    items = [shapes.ModelShape(name=m.name, created_at=m.created_at, newest=number or 0) for m, number in rows[:limit]]
    return shapes.Page(items=items, next=items[-1].name if len(rows) > limit else None)


@router.post("", status_code=201, responses=refusals())
def upload_model(
    here: Here,
    caller: Operator,
    name: Annotated[str, Form(pattern=catalogue.NAME)],
    file: Annotated[UploadFile, File(description="A fully quantised .tflite")],
    labels: Annotated[str | None, Form(description="Names of the classes, one per line")] = None,
    note: Annotated[str, Form(max_length=catalogue.MAX_NOTE_CHARS)] = "",
) -> shapes.Uploaded:
    """A new version of a model. It is compiled at once; 422 says what in it is not supported."""
    lines = [line.strip() for line in (labels or "").splitlines() if line.strip()]
    upload = catalogue.Upload(name, file.file.read(), lines or None, note)
    version = catalogue.add(here, upload, caller.name)
    return shapes.Uploaded(model=name, version=version.number)


@router.get("/{name}", responses=refusals(404))
def get_model(here: Here, caller: Viewer, name: Name) -> list[shapes.VersionShape]:
    """All versions of a model, newest first."""
    with reading(here.engine) as session:
        model = catalogue.model_named(session, name)
        return [version_shape(v) for v in reversed(model.versions)]


@router.get("/{name}/versions/{number}", responses=refusals(404))
def get_version(here: Here, caller: Viewer, name: Name, number: Number) -> shapes.VersionShape:
    """One version."""
    with reading(here.engine) as session:
        return version_shape(catalogue.version_of(session, name, number))


@router.post("/{name}/versions/{number}/again", status_code=201, responses=refusals(404))
def again(here: Here, caller: Operator, name: Name, number: Number) -> shapes.Uploaded:
    """A new version with the source of this one: the way back, since devices refuse lower numbers."""
    with writing(here.engine) as session:
        version = catalogue.again(session, catalogue.version_of(session, name, number), caller.name)
    here.work.set()
    return shapes.Uploaded(model=name, version=version.number)


_SOURCE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get("/{name}/versions/{number}/source", response_class=Response, responses=refusals(404) | _SOURCE)
def get_source(here: Here, caller: SignerOrOperator, name: Name, number: Number) -> Response:
    """The .tflite as it was uploaded; a signer compiles from it."""
    with reading(here.engine) as session:
        sha256 = catalogue.version_of(session, name, number).source_sha256
    headers = {"ETag": f'"{sha256}"', "Content-Disposition": f'attachment; filename="{name}-{number}.tflite"'}
    return Response(here.store.get("source", sha256), media_type="application/octet-stream", headers=headers)


@router.get("/{name}/versions/{number}/fit", responses=refusals(404))
def get_fit(here: Here, caller: Viewer, name: Name, number: Number) -> list[shapes.FitRow]:
    """Would it run? Over every kind of board, and over every set of capabilities in the fleet."""
    with reading(here.engine) as session:
        return fit_rows(session, catalogue.version_of(session, name, number))


@router.get("/{name}/fit", responses=refusals(404))
def get_newest_fit(here: Here, caller: Viewer, name: Name) -> list[shapes.FitRow]:
    """The same for the newest version."""
    with reading(here.engine) as session:
        return fit_rows(session, catalogue.version_of(session, name))


def version_shape(version: Version) -> shapes.VersionShape:
    """For JSON."""
    columns = {c.name: getattr(version, c.name) for c in Version.__table__.columns}
    return shapes.VersionShape.model_validate({**columns, "model": version.model.name})


def fit_rows(session: Session, version: Version) -> list[shapes.FitRow]:
    """For JSON, with the boards' titles."""
    titles = {b.id: b.title for b in load_boards().values()}
    return [
        shapes.FitRow.model_validate({**{k: getattr(r, k) for k in r.__slots__}, "title": titles.get(r.name, "")})
        for r in catalogue.fit_table(session, version)
    ]
