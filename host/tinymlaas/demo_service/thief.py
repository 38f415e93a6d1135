"""What somebody could do who has taken over a server: put other modules in the place of those that were signed.

Devices must not run them. For demonstrations and tests; it needs the server's own data folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..service.changes import touch
from ..service.database import connect, writing
from ..service.settings import local
from ..service.store import Store, open_store
from ..service.tables import Build, Device, Model, Version

Change = Callable[[bytes], bytes]


def replace_modules(folder: Path, model: str, version: int, change: Change, **facts: object) -> int:
    """Puts ``change(module)`` in the place of every signed module of a version, with other ``facts`` about it; how many."""
    settings = local(folder)
    engine, store = connect(settings.database), open_store(settings.store)
    try:
        with writing(engine) as session:
            builds = _builds(session, model, version)
            for build in builds:
                _replace(store, build, change, facts)
            touch(session, session.scalars(select(Device.id)))
            return len(builds)
    finally:
        engine.dispose()


def signed_module(folder: Path, model: str, version: int, profile: str) -> bytes:
    """The signed module of an earlier version, made for a profile."""
    settings = local(folder)
    engine, store = connect(settings.database), open_store(settings.store)
    try:
        with writing(engine) as session:
            found = next(build for build in _builds(session, model, version) if build.profile == profile)
            return store.get("signed", found.signed_sha256 or "")
    finally:
        engine.dispose()


def _builds(session: Session, model: str, version: int) -> list[Build]:
    query = (
        select(Build)
        .join(Version, Build.version_id == Version.id)
        .join(Model, Version.model_id == Model.id)
        .where(Model.name == model, Version.number == version, Build.state == "ready")
    )
    return list(session.scalars(query))


def _replace(store: Store, build: Build, change: Change, facts: dict[str, object]) -> None:
    content = change(store.get("signed", build.signed_sha256 or ""))
    build.signed_sha256, build.signed_bytes = store.put("signed", content), len(content)
    build.facts = {**(build.facts or {}), **facts}
