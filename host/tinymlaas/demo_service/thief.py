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
from ..service.store import open_store
from ..service.tables import Build, Device, Model, Version

Change = Callable[[bytes], bytes]


def replace_modules(folder: Path, model: str, version: int, change: Change, **facts: object) -> int:
    """Puts ``change(module)`` in the place of every signed module of a version, with other ``facts`` about it; how many."""
    return _replace_each(folder, model, version, lambda _, module: change(module), facts)


def replay(folder: Path, model: str, old: int, version: int) -> int:
    """Puts the signed modules of an old version in the place of those of a newer one; how many."""
    modules = _signed(folder, model, old)
    return _replace_each(folder, model, version, lambda build, _: modules[build.profile], {})


def _signed(folder: Path, model: str, version: int) -> dict[str, bytes]:
    """The signed modules of a version by profile."""
    settings = local(folder)
    engine, store = connect(settings.database), open_store(settings.store)
    try:
        with writing(engine) as session:
            found = _builds(session, model, version)
            return {build.profile: store.get("signed", build.signed_sha256 or "") for build in found}
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


def _replace_each(
    folder: Path, model: str, version: int, change: Callable[[Build, bytes], bytes], facts: dict[str, object]
) -> int:
    settings = local(folder)
    engine, store = connect(settings.database), open_store(settings.store)
    try:
        with writing(engine) as session:
            builds = _builds(session, model, version)
            for build in builds:
                content = change(build, store.get("signed", build.signed_sha256 or ""))
                build.signed_sha256, build.signed_bytes = store.put("signed", content), len(content)
                build.facts = {**(build.facts or {}), **facts}
            touch(session, session.scalars(select(Device.id)))
            return len(builds)
    finally:
        engine.dispose()
