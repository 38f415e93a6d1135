"""What waits for a signature, and taking one. The server holds no private key: it can refuse to deliver, never forge."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import sign
from ..errors import ModuleError, ServiceError, UsageError
from . import audit, changes
from .database import reading, writing
from .instance import Instance
from .tables import Action, Build, ReleaseKey, now

MOST_WAITING = 200  # told at once


def register(session: Session, public_key: str, name: str, lowest_epoch: int, actor: str) -> ReleaseKey:
    """Lets modules be signed under a release key (hex), or raises its lowest accepted epoch, which never falls."""
    try:
        sign.check_public(bytes.fromhex(public_key))
    except (UsageError, ValueError) as error:
        raise ServiceError(422, str(error), "give the 64 hex digits that 'tinymlaas keys show' prints") from error
    key = session.scalar(select(ReleaseKey).where(ReleaseKey.public_key == public_key).with_for_update())
    if key is None:
        key = ReleaseKey(public_key=public_key, name=name)
        session.add(key)
    elif lowest_epoch < key.lowest_epoch:
        raise ServiceError(
            409, f"the lowest epoch is {key.lowest_epoch}, it never falls", "certify a key of a newer epoch"
        )
    key.name, key.lowest_epoch = name or key.name or "", lowest_epoch
    session.flush()
    audit.append(session, actor, "key.register", public_key[:16], {"name": key.name, "lowest_epoch": lowest_epoch})
    return key


def is_registered(session: Session, public_key: str) -> bool:
    """Whether modules may be signed under this release key (hex)."""
    return session.scalar(select(ReleaseKey.id).where(ReleaseKey.public_key == public_key)) is not None


def waiting(session: Session) -> list[Build]:
    """Builds without a signature: those that actions wait for first, then the oldest."""
    wanted = select(Action.id).where(Action.build_id == Build.id, Action.open).exists()
    query = select(Build).where(Build.state == "unsigned").order_by(wanted.desc(), Build.id)
    return list(session.scalars(query.limit(MOST_WAITING)))


def accept(instance: Instance, build_id: int, block: bytes, actor: str) -> Build:
    """Checks a signature block against the registered release keys, stores the signed module, makes the build ready.

    ServiceError 404: no such build; 409: it does not wait for a signature; 422: the block is not good for it.
    """
    with reading(instance.engine) as session:
        build = _unsigned(session, build_id)
        keys = list(session.scalars(select(ReleaseKey)))
        counter, sha256 = build.version.number, build.module_sha256 or ""
    signed, facts = _checked(instance.store.get("module", sha256), counter, block, keys)
    signed_sha256 = instance.store.put("signed", signed)
    with writing(instance.engine) as session:
        build = _unsigned(session, build_id)
        if build.module_sha256 != sha256:
            raise ServiceError(409, f"build {build_id} was made again meanwhile", "sign the new one")
        build.state, build.signed_sha256, build.signed_bytes = "ready", signed_sha256, len(signed)
        build.signer, build.finished_at = facts.signer.hex(), now()
        build.facts = {**(build.facts or {}), "release_key": facts.release.hex(), "epoch": facts.epoch}
        detail = {"sha256": signed_sha256, "signer": sign.fingerprint(facts.signer), "epoch": facts.epoch}
        audit.append(session, actor, "build.sign", f"{build.version.model.name} v{counter} {build.profile}", detail)
        changes.touch(
            session, session.scalars(select(Action.device_id).where(Action.build_id == build_id, Action.open))
        )
    return build


def _unsigned(session: Session, build_id: int) -> Build:
    build = session.get(Build, build_id, with_for_update=True)
    if build is None:
        raise ServiceError(404, f"there is no build {build_id}", "GET /api/v1/signing lists what waits")
    if build.state != "unsigned":
        raise ServiceError(
            409, f"build {build_id} is {build.state}, it waits for no signature", "nothing is to be done"
        )
    return build


def _checked(module: bytes, counter: int, block: bytes, keys: Iterable[ReleaseKey]) -> tuple[bytes, sign.Signed]:
    """The signed module, and who signed it: under one of the keys, in an epoch that this key still allows."""
    trusted = {bytes.fromhex(k.public_key): k.lowest_epoch for k in keys}
    remedy = "register the release key (POST /api/v1/keys), or sign with one that is registered"
    try:
        signed = sign.attach(module, counter, block)
        facts = sign.verify(signed, trusted, lowest_epoch=0)
    except (ModuleError, UsageError) as error:
        raise ServiceError(422, f"the signature is refused: {error}", remedy) from error
    if facts.epoch and facts.epoch < trusted[facts.release]:
        lowest = trusted[facts.release]
        raise ServiceError(
            422, f"the signer's epoch {facts.epoch} is revoked: {lowest} is the lowest", "certify a new key"
        )
    return signed, facts
