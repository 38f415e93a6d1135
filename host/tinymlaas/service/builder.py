"""Compiles versions for profiles: a queue in the table ``build``, and workers that survive whatever happens to each other."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from .. import __version__
from ..errors import ServiceError, TinymlError
from .capabilities import parse_profile
from .changes import insert_or_skip
from .compiler import CompilerDied, Job, Result, compile_apart
from .database import reading, writing
from .instance import Instance
from .tables import Action, Build, Version, now

LEASE = timedelta(seconds=15)  # a worker that has not been heard of for so long is dead
ATTEMPTS = 3  # of a compilation whose process dies
_IDLE = 1.0  # seconds between looks at the queue; other processes may have put something there

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed build and what it takes."""

    build_id: int
    worker: str
    source_sha256: str
    job: Job


def ensure(session: Session, version_id: int, profile: str) -> Build:
    """The build of a version for a profile, put into the queue when there is none. Two at once make one."""
    known = select(Build).where(Build.version_id == version_id, Build.profile == profile)
    found = session.scalar(known)
    if found is None:
        values = {"version_id": version_id, "profile": profile, "state": "queued", "attempts": 0}
        session.execute(insert_or_skip(session, Build), [values])
        found = session.scalars(known).one()
    return found


def fill(build: Build, module_sha256: str, result: Result, at: datetime) -> None:
    """Enters what was compiled elsewhere, so that no worker does it again."""
    build.state, build.module_sha256, build.finished_at = "unsigned", module_sha256, at
    build.facts, build.trace = result.facts, result.trace


def retry(session: Session, build: Build) -> None:
    """Puts a failed or unsigned build back into the queue, such as after an update of tinymlaas."""
    if build.state not in ("failed", "unsigned"):
        raise ServiceError(409, f"build {build.id} is {build.state}", "only a failed or unsigned build is made again")
    build.state, build.error, build.attempts = "queued", None, 0


def start(instance: Instance) -> list[threading.Thread]:
    """The workers of this process; they end when ``instance.stopping`` is set."""
    threads = [
        threading.Thread(target=_work, args=(instance, _worker_name()), name=f"builder-{n}", daemon=True)
        for n in range(instance.settings.compile_workers)
    ]
    for thread in threads:
        thread.start()
    return threads


def _worker_name() -> str:
    return f"{socket.gethostname()[:20]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def _work(instance: Instance, worker: str) -> None:
    while not instance.stopping.is_set():
        instance.work.clear()
        try:
            while not instance.stopping.is_set() and step(instance, worker):
                pass
        except Exception:  # the database or the store is away: say so, and look again
            log.exception("builder: cannot work; next try in a moment")
            instance.stopping.wait(5 * _IDLE)
        instance.work.wait(_IDLE)


def step(instance: Instance, worker: str) -> bool:
    """Takes one build from the queue and finishes it; False when there is none."""
    with writing(instance.engine) as session:
        task = claim(session, worker)
    if task is None:
        return False
    try:
        if not _taken_from_cache(instance, task):
            result = compile_apart(instance.store.get("source", task.source_sha256), task.job, _keeper(instance, task))
            _finish(instance, task, result)
    except ServiceError as error:
        _close(instance, task, state="failed", error=str(error), finished_at=now())
    except CompilerDied as error:
        _died(instance, task, error)
    except TinymlError as error:
        log.error("builder: build %d: %s", task.build_id, error)
        _died(instance, task, error)
    return True


def claim(session: Session, worker: str) -> Task | None:
    """Marks the next build as this worker's: one that an action waits for, then the oldest; also one whose worker is dead."""
    at = now()
    free = or_(Build.state == "queued", and_(Build.state == "running", Build.leased_until < at))
    wanted = select(Action.id).where(Action.build_id == Build.id, Action.open).exists()
    build_id = session.scalar(select(Build.id).where(free).order_by(wanted.desc(), Build.id).limit(1))
    if build_id is None:
        return None
    values = {"state": "running", "worker": worker, "leased_until": at + LEASE, "attempts": Build.attempts + 1}
    mine = update(Build).where(Build.id == build_id, free).values(**values, started_at=at)
    if not session.execute(mine).rowcount:  # type: ignore[attr-defined]
        return None
    build = session.get_one(Build, build_id, populate_existing=True)
    return Task(build.id, worker, build.version.source_sha256, job_of(build))


def job_of(build: Build) -> Job:
    """What a build depends on besides its source; a signer compiles the same again."""
    return Job(build.version.model.name, parse_profile(build.profile).kernel_target, build.version.labels)


def _keeper(instance: Instance, task: Task) -> Callable[[], bool]:
    """Renews the lease while the compiler runs; False ends it: the process stops, or another worker has taken the build."""
    beat = 0

    def alive() -> bool:
        nonlocal beat
        beat += 1
        if instance.stopping.is_set():
            return False
        return bool(beat % 5) or _close(instance, task, leased_until=now() + LEASE)

    return alive


def _taken_from_cache(instance: Instance, task: Task) -> bool:
    """Takes over what an earlier version with the same source, name and labels gave for the same kernel target."""
    with reading(instance.engine) as session:
        build = session.get_one(Build, task.build_id)
        query = (
            select(Build)
            .join(Version)
            .where(
                Build.state.in_(("unsigned", "ready")),
                Build.id != build.id,
                Version.source_sha256 == task.source_sha256,
                Version.model_id == build.version.model_id,
            )
        )
        same = next((b for b in session.scalars(query) if job_of(b) == task.job and _made_here(b)), None)
        if same is None or not instance.store.exists("module", same.module_sha256 or ""):
            return False
        note = f"same source and target as version {same.version.number}: its module is taken"
        values = {"module_sha256": same.module_sha256, "facts": same.facts, "trace": [*(same.trace or []), note]}
    _close(instance, task, state="unsigned", finished_at=now(), **values)
    return True


def _made_here(build: Build) -> bool:
    """By this version of tinymlaas: a signer compiles with its own, and must get the same bytes."""
    return build.facts is not None and build.facts["made_by"] == f"tinymlaas {__version__}"


def _finish(instance: Instance, task: Task, result: Result) -> None:
    sha256 = instance.store.put("module", result.module)
    values = {"module_sha256": sha256, "facts": result.facts, "trace": result.trace}
    _close(instance, task, state="unsigned", error=None, finished_at=now(), **values)


def _died(instance: Instance, task: Task, error: TinymlError) -> None:
    """Back into the queue, unless it has died too often: then it is the model."""
    if instance.stopping.is_set():
        _close(instance, task, state="queued", attempts=Build.attempts - 1)
        return
    with reading(instance.engine) as session:
        attempts = session.get_one(Build, task.build_id).attempts
    if attempts < ATTEMPTS:
        _close(instance, task, state="queued")
    else:
        _close(instance, task, state="failed", error=f"{error} ({attempts} times)", finished_at=now())


def _close(instance: Instance, task: Task, **values: object) -> bool:
    """Changes a build as long as it is this worker's; False when it is not any more."""
    mine = and_(Build.id == task.build_id, Build.worker == task.worker, Build.state == "running")
    with writing(instance.engine) as session:
        return bool(session.execute(update(Build).where(mine).values(**values)).rowcount)  # type: ignore[attr-defined]
