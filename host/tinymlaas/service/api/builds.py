"""/builds: what was compiled, why so, and trying again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from ...errors import ServiceError
from .. import audit, builder
from ..database import reading, writing
from ..tables import Build
from . import shapes
from .deps import INT, MOST_ROWS, Here, Operator, Viewer, refusals

router = APIRouter(prefix="/builds", tags=["builds"])
BuildId = Annotated[int, Path(ge=1, le=INT)]
_MODULE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get("", responses=refusals())
def list_builds(
    here: Here,
    caller: Viewer,
    state: Annotated[str, Query(pattern="^(queued|running|unsigned|ready|failed)?$")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    after: Annotated[int, Query(ge=0, le=INT)] = 0,
) -> shapes.Page[shapes.BuildShape]:
    """Builds by number, of one state or of all."""
    query = select(Build).where(Build.id > after).order_by(Build.id).limit(limit + 1)
    with reading(here.engine) as session:
        rows = session.scalars(query.where(Build.state == state) if state else query).all()
        items = [build_shape(row) for row in rows[:limit]]
    return shapes.Page(items=items, next=str(items[-1].id) if len(rows) > limit else None)


@router.get("/{build}", responses=refusals(404))
def get_build(here: Here, caller: Viewer, build: BuildId) -> shapes.BuildShape:
    """State, facts of the module, why these kernels were chosen, or why it failed."""
    with reading(here.engine) as session:
        return build_shape(build_of(session, build))


@router.post("/{build}/retry", responses=refusals(404, 409))
def retry(here: Here, caller: Operator, build: BuildId) -> shapes.BuildShape:
    """Puts a failed or unsigned build back into the queue."""
    with writing(here.engine) as session:
        found = build_of(session, build)
        builder.retry(session, found)
        audit.append(session, caller.name, "build.retry", str(build))
        shape = build_shape(found)
    here.work.set()
    return shape


@router.get("/{build}/module", response_class=Response, responses=refusals(404, 409) | _MODULE)
def get_module(here: Here, caller: Operator, build: BuildId) -> Response:
    """The module file: signed when it is, else as it was compiled."""
    with reading(here.engine) as session:
        found = build_of(session, build)
        kind, sha256 = ("signed", found.signed_sha256) if found.signed_sha256 else ("module", found.module_sha256)
    if sha256 is None:
        raise ServiceError(409, f"build {build} is {found.state}: there is no module", "wait, or see its error")
    headers = {"ETag": f'"{sha256}"'}
    return Response(here.store.get(kind, sha256), media_type="application/octet-stream", headers=headers)


def build_of(session: Session, build: int) -> Build:
    """A build by number; ServiceError 404 when there is none."""
    found = session.get(Build, build)
    if found is None:
        raise ServiceError(404, f"there is no build {build}", "GET /api/v1/builds lists them")
    return found


def build_shape(build: Build) -> shapes.BuildShape:
    """For JSON."""
    columns = {c.name: getattr(build, c.name) for c in Build.__table__.columns}
    names = {"model": build.version.model.name, "version": build.version.number}
    return shapes.BuildShape.model_validate({**columns, **names})
