"""A service's database with devices, groups and modules in it, without compiling anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from tinymlaas.planfmt import FORMAT_VERSION, RUNTIME_VERSION
from tinymlaas.service import capabilities, stages
from tinymlaas.service.actions import Feedback
from tinymlaas.service.changes import insert_or_skip
from tinymlaas.service.database import writing
from tinymlaas.service.instance import Instance
from tinymlaas.service.messages import Declared
from tinymlaas.service.said import declare, take_down
from tinymlaas.service.tables import Action, Build, Device, Membership, Model, Version

TOKEN = "tml_test-token"
MODULE = b"a signed module " * 400
FACTS = {
    "format_version": FORMAT_VERSION,
    "min_runtime": RUNTIME_VERSION,
    "target": "any",
    "operators": ["CONV_2D"],
    "module_bytes": len(MODULE),
    "arena_bytes": 3136,
}


def says(device: str = "d", heap: int = 190_000, target: str = "m0plus") -> Declared:
    """What a device declares."""
    body = {
        "format": 1,
        "board": "a board",
        "port": "rp2",
        "micropython": "1.25.0",
        "arch": "armv6m",
        "kernel_target": target,
        "runtime_version": RUNTIME_VERSION,
        "format_version": FORMAT_VERSION,
        "tinyml": "0.1.0",
        "heap_free": heap,
        "heap_block": heap,
        "flash_free": 900_000,
    }
    said = capabilities.parse(body)
    canonical = capabilities.canonical(said)
    profile = str(capabilities.profile_of(said))
    return Declared(device, capabilities.digest(canonical), canonical, profile, "C3")


def enrol(session: Session, ids: Iterable[str], group: str = "all", *, declared: bool = True) -> None:
    """Devices with the token TOKEN, in a group, that have said what they are."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    session.execute(insert(Device), [{"id": i, "token_sha256": digest} for i in ids])
    session.execute(insert_or_skip(session, Membership), [{"group": group, "device_id": i} for i in ids])
    if declared:
        declare(session, {i: says(i) for i in ids})


def version(instance: Instance, session: Session, model: str = "digits", source: str = "a") -> Version:
    """The next version of a model."""
    found = session.scalar(select(Model).where(Model.name == model)) or Model(name=model)
    session.add(found)
    session.flush()
    number = len(found.versions) + 1
    facts = {"source_sha256": source * 64, "source_bytes": 1, "facts": FACTS, "created_by": "test", "note": ""}
    made = Version(model_id=found.id, number=number, labels=None, **facts)
    session.add(made)
    session.flush()
    session.refresh(found)
    return made


def make_ready(instance: Instance, **facts: object) -> int:
    """Every build that was asked for becomes ready, as if compiled and signed; how many."""
    sha256 = instance.store.put("signed", MODULE)
    values = {"state": "ready", "signed_sha256": sha256, "signed_bytes": len(MODULE), "facts": FACTS | facts}
    with writing(instance.engine) as session:
        return session.execute(update(Build).where(Build.state == "queued").values(**values)).rowcount


def settle(instance: Instance) -> None:
    """Ticks until what is asked for is built and offered."""
    for _ in range(3):
        stages.tick(instance)
        make_ready(instance)
    stages.tick(instance)


def states(instance: Instance, rollout: int) -> dict[str, str]:
    """State of each device's action."""
    with writing(instance.engine) as session:
        query = select(Action.device_id, Action.state).where(Action.rollout_id == rollout)
        return {row.device_id: row.state for row in session.execute(query)}


def answer(
    instance: Instance, rollout: int, execution: str = "closed", finished: str = "success", **more: object
) -> None:
    """Every open, offered action of a rollout gets this feedback."""
    with writing(instance.engine) as session:
        query = select(Action.id, Action.device_id, Action.seq).where(
            Action.rollout_id == rollout, Action.open, (Action.state != "scheduled") | Action.cancel
        )
        said = [
            Feedback(key, device, seq + 1, execution, finished, **more) for key, device, seq in session.execute(query)
        ]
        assert not any(take_down(session, said))
