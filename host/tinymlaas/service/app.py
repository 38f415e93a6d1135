"""The ASGI application: everything mounted, errors turned into answers in one place, background work started and ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from .. import __version__
from ..errors import ServiceError, TinymlError
from . import builder, metrics, pages, stages
from .api import audit, builds, devices, groups, models, rollouts, shapes, signing, tokens
from .api.deps import Here, Viewer, only_known_query, refusals
from .database import reading
from .ddi import DeviceApp
from .instance import Instance, open_instance
from .limits import LimitBody, TooMany, too_large
from .pages.errors import dressed
from .settings import Settings

API = "/api/v1"
BULK_BYTES = 1 << 20
_FORM_BYTES = 256 << 10  # labels, note and multipart's own words around a model
NOUNS = (models, devices, groups, rollouts, builds, signing, tokens, audit)

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The service; database and store are opened (and brought up to date) at once, TinymlError when they cannot be."""
    instance = open_instance(settings)
    app = _Service(
        title="TinyML as a Service",
        version=__version__,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.instance = instance
    app.state.device_path = DeviceApp(instance)
    app.state.background = [app.state.device_path.presence.run]
    app.add_middleware(
        LimitBody, limit=_body_limit(settings), refuse=lambda scope, most: dressed(scope, too_large(most))
    )
    _answer_errors(app)
    app.include_router(_general())
    for noun in NOUNS:
        app.include_router(noun.router, prefix=API, dependencies=[Depends(only_known_query)])
    pages.add_pages(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    instance: Instance = app.state.instance
    workers = [*builder.start(instance), stages.start(instance)]
    tasks = [asyncio.create_task(run()) for run in app.state.background]
    try:
        yield
    finally:
        instance.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in workers:
            await asyncio.to_thread(worker.join, 5.0)
        instance.engine.dispose()


class _Service(FastAPI):
    """Requests of devices go straight to their own app, past all that pages and operators need: it is twice as fast."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        device_path: DeviceApp = self.state.device_path
        if scope["type"] != "http" or not scope["path"].startswith(device_path.prefix):
            await super().__call__(scope, receive, send)
            return
        try:
            await device_path(scope, receive, send)
        except (ServiceError, HTTPException, SQLAlchemyError, TinymlError) as error:
            await _as_answer(error, scope)(scope, receive, send)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            await answer(ServiceError(500, "a defect of the service", "please report it with the service's log"))(
                scope, receive, send
            )


def _general() -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/healthz", responses=refusals())
    def healthz(here: Here) -> shapes.Health:
        """200 when the service and its database answer."""
        with reading(here.engine) as session:
            session.execute(text("SELECT 1"))
        return shapes.Health(status="ok", version=__version__)

    text_plain: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}

    @router.get("/metrics", response_class=Response, responses=refusals() | text_plain)
    def prometheus(here: Here, caller: Viewer) -> Response:
        """Counts for Prometheus."""
        with reading(here.engine) as session:
            return PlainTextResponse(metrics.text(session))

    return router


def _body_limit(settings: Settings) -> Callable[[Scope], int]:
    def limit(scope: Scope) -> int:
        path = scope["path"]
        if path in (f"{API}/models", pages.UPLOAD):
            return settings.max_model_bytes + _FORM_BYTES
        return BULK_BYTES if path == f"{API}/devices/bulk" else settings.max_request_bytes

    return limit


def _answer_errors(app: FastAPI) -> None:
    """Every error becomes {"error", "remedy"} here and nowhere else; where a page was asked for, a page that says the same."""

    @app.exception_handler(HTTPException)
    @app.exception_handler(SQLAlchemyError)
    @app.exception_handler(TinymlError)
    async def known(request: Request, error: Exception) -> Response:
        return dressed(request.scope, _as_answer(error, request.scope))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        refusal = ServiceError(422, f"{where}: {first['msg']}", f"see {API}/openapi.json")
        return dressed(request.scope, answer(refusal))

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        refusal = ServiceError(500, "a defect of the service", "please report it with the service's log")
        return dressed(request.scope, answer(refusal))


def _as_answer(error: Exception, scope: Scope) -> JSONResponse:
    """What a device or an operator reads of an error; what only the log should know stays there."""
    if isinstance(error, ServiceError):
        return answer(error)
    if isinstance(error, HTTPException):
        remedy = _REMEDIES.get(error.status_code, "")
        return JSONResponse({"error": str(error.detail), "remedy": remedy}, error.status_code, headers=error.headers)
    if isinstance(error, IntegrityError):
        return answer(
            ServiceError(409, "somebody changed the same thing at the same time", "look again, then try again")
        )
    log.error("%s %s: %s", scope["method"], scope["path"], str(error).splitlines()[0])
    return answer(ServiceError(503, "database or store do not answer", "try again; the service's log says more"))


_REMEDIES = {
    400: "send well-formed JSON or multipart",
    404: f"see {API}/openapi.json for what there is",
    405: f"see {API}/openapi.json for what there is",
    413: "send less, or raise the limit where the service is started",
}


def answer(error: ServiceError) -> JSONResponse:
    """A refusal as a response."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error.reason, "remedy": error.remedy}, error.status, headers=headers)
