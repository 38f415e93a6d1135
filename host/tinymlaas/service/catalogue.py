"""Models and their versions. A version is a .tflite that was compiled once, so that what cannot be compiled is never listed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..errors import ServiceError
from ..target import load_boards
from . import audit, builder, changes
from .capabilities import Capabilities, current_profile, of_board, profile_of, rfc7228_class
from .compiler import Job, Result, compile_apart
from .database import writing
from .fit import Verdict, verdict
from .instance import Instance
from .tables import Build, CapabilitySet, Device, Model, Version, now

NAME = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
MAX_LABELS = 4096
MAX_LABEL_CHARS = 128
MAX_NOTE_CHARS = 2000
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Upload:
    """A version to be: the bytes of a .tflite, and what people want to remember of it."""

    name: str
    source: bytes
    labels: list[str] | None = None
    note: str = ""


def add(instance: Instance, upload: Upload, actor: str) -> Version:
    """Compiles for ``any`` to see that it can be, stores the source, makes the next version, and queues builds for the known fleet.

    ServiceError 422 says what is wrong with the model, in the importer's words.
    """
    _check(upload)
    result = _compiled(instance, upload)
    sha256 = instance.store.put("source", upload.source)
    instance.store.put("module", result.module)
    with writing(instance.engine) as session:
        version = next_version(session, model_named(session, upload.name, create=True), sha256, actor)
        version.source_bytes, version.labels, version.note = len(upload.source), upload.labels, upload.note
        version.facts = result.facts
        session.flush()
        _queue(session, version, result, instance)
        audit.append(session, actor, "model.upload", f"{upload.name} v{version.number}", {"sha256": sha256})
    instance.work.set()
    return version


def _compiled(instance: Instance, upload: Upload) -> Result:
    """For ``any``; ServiceError 503 when too many uploads are being compiled for too long."""
    if not instance.uploads.acquire(timeout=_PATIENCE_S):
        raise ServiceError(503, "too many uploads at once", "try again in a minute")
    try:
        return compile_apart(upload.source, Job(upload.name, "any", upload.labels))
    finally:
        instance.uploads.release()


def _check(upload: Upload) -> None:
    if not re.fullmatch(NAME, upload.name):
        raise ServiceError(
            422,
            f"'{upload.name[:70]}' is no name of a model",
            "use 1 to 64 lower-case letters, digits, '.', '_' and '-', the first a letter or digit",
        )
    labels = upload.labels or []
    if len(labels) > MAX_LABELS or any(len(x) > MAX_LABEL_CHARS for x in labels):
        raise ServiceError(
            422, "labels are too many or too long", f"{MAX_LABELS} of {MAX_LABEL_CHARS} characters at most"
        )
    if len(upload.note) > MAX_NOTE_CHARS:
        raise ServiceError(422, f"the note has {len(upload.note)} characters", f"{MAX_NOTE_CHARS} at most")
    if "\0" in "".join([upload.note, *labels]):
        raise ServiceError(422, "a NUL character in note or labels", "remove it")


def model_named(session: Session, name: str, create: bool = False) -> Model:
    """A model by name, locked when it is to get another version; ServiceError 404 when there is none."""
    query = select(Model).where(Model.name == name)
    if create:
        session.execute(changes.insert_or_skip(session, Model), [{"name": name, "created_at": now()}])
        query = query.with_for_update()
    model = session.scalar(query)
    if model is None:
        raise ServiceError(404, f"there is no model '{name[:70]}'", "GET /api/v1/models lists them")
    return model


def next_version(session: Session, model: Model, source_sha256: str, actor: str) -> Version:
    """The next version of a (locked) model, not flushed: the caller fills in the rest."""
    last = session.scalar(
        select(Version.number).where(Version.model_id == model.id).order_by(Version.number.desc()).limit(1)
    )
    version = Version(model_id=model.id, number=(last or 0) + 1, source_sha256=source_sha256, created_by=actor[:64])
    version.note = ""
    session.add(version)
    return version


def again(session: Session, old: Version, actor: str) -> Version:
    """A new version with an old one's source: how to go back, since release counters only rise. Flushes."""
    model = session.get_one(Model, old.model_id, with_for_update=True)
    version = next_version(session, model, old.source_sha256, actor)
    version.source_bytes, version.labels, version.facts = old.source_bytes, old.labels, old.facts
    version.note = f"the source of version {old.number} again"
    session.flush()
    for build in old.builds:
        builder.ensure(session, version.id, build.profile)
    audit.append(session, actor, "model.again", f"{model.name} v{version.number}", {"source_of": old.number})
    return version


def version_of(session: Session, name: str, number: int | None = None) -> Version:
    """A version by model name and number, the newest without; ServiceError 404 when there is none."""
    model = model_named(session, name)
    query = select(Version).where(Version.model_id == model.id).order_by(Version.number.desc())
    found = session.scalar((query if number is None else query.where(Version.number == number)).limit(1))
    if found is None:
        raise ServiceError(404, f"{name} has no version {number}", f"GET /api/v1/models/{name} lists them")
    return found


def _queue(session: Session, version: Version, result: Result, instance: Instance) -> None:
    """Builds for every profile of the fleet and for the boards that are known, before anybody asks."""
    fleet = session.scalars(
        select(CapabilitySet.profile).join(Device, Device.capabilities == CapabilitySet.sha256).distinct()
    )
    boards = {str(current_profile(b.kernel_target)) for b in load_boards().values() if b.transport != "host"}
    done = str(current_profile("any"))
    for profile in sorted({*fleet, *boards, done}):
        build = builder.ensure(session, version.id, profile)
        if profile == done:
            builder.fill(build, instance.store.put("module", result.module), result, now())


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a fit table: a kind of board or of device, and the verdict; None while its module is being made."""

    kind: str  # "board" or "profile"
    name: str
    rfc7228_class: str
    devices: int
    build_id: int | None
    build_state: str
    verdict: Verdict | None


def fit_table(session: Session, version: Version) -> list[Row]:
    """The version over all boards of boards/, and over every distinct set of capabilities in the fleet."""
    builds = {b.profile: b for b in session.scalars(select(Build).where(Build.version_id == version.id))}
    boards = [("board", b.id, of_board(b), 0) for b in load_boards().values() if b.transport != "host"]
    return [_row(builds, *row) for row in [*boards, *_sets(session)]]


def _sets(session: Session) -> list[tuple[str, str, Capabilities, int]]:
    said = (
        select(Device.capabilities.label("sha256"), func.count().label("devices"))
        .group_by(Device.capabilities)
        .subquery()
    )
    query = select(CapabilitySet.sha256, CapabilitySet.body, said.c.devices).join(
        said, said.c.sha256 == CapabilitySet.sha256
    )
    rows = session.execute(query.order_by(CapabilitySet.sha256))
    return [("profile", sha256, Capabilities.model_validate(body), devices) for sha256, body, devices in rows]


def _row(builds: dict[str, Build], kind: str, name: str, said: Capabilities, devices: int) -> Row:
    build = builds.get(str(profile_of(said)))
    known = verdict(said, build.facts) if build and build.facts else None
    if build and build.state == "failed":
        known = Verdict(False, build.error or "the build failed", f"POST /api/v1/builds/{build.id}/retry")
    state = build.state if build else "none"
    return Row(kind, name, rfc7228_class(said), devices, build.id if build else None, state, known)
