"""Poll answers, kept in the process until something changes them; who was seen, written in batches."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from . import changes
from .batch import Batch
from .database import reading, writing
from .instance import Instance
from .tables import Action, Build, Device, Model, Rollout, Token, UtcDateTime, Version, now

TAIL_S = 0.5  # between looks at what other processes changed
LATE_S = 5.0  # on PostgreSQL a transaction may commit so much later than one that began after it; SQLite has one writer
FRESH_S = 900  # even an unchanged answer is read again after this: the net below the net
STRANGE_S = 5  # for so long an unknown device stays unknown
MOST = 500_000  # answers kept; about 1 KB each
PRUNE_S = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """An open action as the device sees it."""

    action: int
    model: str
    version: int
    sha256: str
    size: int
    seq: int
    shown: bool  # as deploymentBase
    cancel: bool


@dataclass(frozen=True, slots=True)
class View:
    """All that is needed to answer a device's requests for reading. ``tokens`` are hex SHA-256s, none for an unknown device."""

    tokens: tuple[bytes, ...]
    etag: bytes
    body: bytes
    offers: tuple[Offer, ...]
    until: float  # time.monotonic


class Presence:
    """What one process knows of its devices. Lives as long as the process; ``run`` keeps it true."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.seen: set[str] = set()
        self._views: dict[str, View] = {}
        self._loading: dict[str, bool] = {}  # device → nothing changed since the loading began
        self._lock = threading.Lock()
        self._own: set[int] = set()  # changes that this process made, and dropped at their commit
        self._tail = _Tail(LATE_S if instance.engine.dialect.name == "postgresql" else 0.0)
        self._loads: Batch[str, View] = Batch(self._load)
        changes.listen(instance.engine, self.told)

    def get(self, device: str) -> View | None:
        """The kept answer, when there is one."""
        view = self._views.get(device)
        return view if view is not None and view.until > time.monotonic() else None

    async def fetch(self, device: str) -> View:
        """The answer from the database, which is kept unless it changed while it was read."""
        return await self._loads.ask(device)

    def told(self, written: Mapping[int, str], devices: Collection[str] = ()) -> None:
        """A transaction of this process has ended: forget the answers that it may have changed."""
        self._own.update(written)
        self.drop((*written.values(), *devices))

    def drop(self, devices: Collection[str]) -> None:
        """Forget these answers."""
        with self._lock:
            if changes.EVERYBODY in devices:
                self._views.clear()
                devices = list(self._loading)
            for device in devices:
                self._views.pop(device, None)
                if device in self._loading:
                    self._loading[device] = False

    def _load(self, devices: Sequence[str]) -> list[View]:
        with self._lock:
            self._loading.update(dict.fromkeys(devices, True))
        try:
            with reading(self.instance.engine) as session:
                views = load(session, devices, self.instance.settings.tenant, self.instance.settings.poll_interval)
        finally:
            with self._lock:
                clean = {device for device in devices if self._loading.pop(device, False)}
        with self._lock:
            if len(self._views) > MOST:
                self._views.clear()
            self._views.update({device: views[device] for device in clean & views.keys()})
        return [views[device] for device in devices]

    async def run(self) -> None:
        """Follows other processes' changes and writes who was seen, until it is cancelled; then writes once more."""
        settings, flushed, pruned = self.instance.settings, time.monotonic(), time.monotonic()
        try:
            while True:
                await asyncio.sleep(TAIL_S)
                await self._try(self.follow)
                if time.monotonic() - flushed >= settings.flush_interval:
                    flushed = time.monotonic()
                    await self._try(self.flush, self.take())
                if time.monotonic() - pruned >= PRUNE_S:
                    pruned = time.monotonic()
                    await self._try(self._prune)
        finally:
            self.flush(self.take())

    async def _try(self, work: Any, *arguments: Any) -> None:
        try:
            await asyncio.to_thread(work, *arguments)
        except Exception:  # the database is away for a while: the next round does it
            log.exception("presence: %s failed; it is tried again", work.__name__)

    def follow(self) -> None:
        """Drops the answers that other processes changed."""
        with reading(self.instance.engine) as session:
            found = self._tail.look(session)
        if found is None:
            self.drop((changes.EVERYBODY,))
            return
        self.drop({device for change, device in found.items() if change not in self._own})
        self._own.difference_update(found)

    def take(self) -> set[str]:
        """Who was seen since the last time; in the event loop, which adds to it."""
        seen, self.seen = self.seen, set()
        return seen

    def flush(self, seen: set[str]) -> None:
        """Writes that these devices were seen, in one statement."""
        if not seen:
            return
        try:
            with writing(self.instance.engine) as session:
                write_seen(session, seen)
        except Exception:
            self.seen |= seen
            raise

    def _prune(self) -> None:
        with writing(self.instance.engine) as session:
            changes.prune(session)


class _Tail:
    """Reads table ``change`` so that nothing is missed, although ids may be committed out of order, up to ``late_s`` seconds."""

    def __init__(self, late_s: float) -> None:
        self._late_s = late_s
        self._low: int | None = None
        self._recent: deque[tuple[float, int]] = deque()
        self._known: set[int] = set()
        self._at = time.monotonic()

    def look(self, session: Session) -> dict[int, str] | None:
        """New changes, id → device; None when some may have been pruned unseen (also the first time)."""
        at, before, self._at = time.monotonic(), self._at, time.monotonic()
        if self._low is None or at - before > changes.KEPT_S / 2:
            self._low = changes.newest(session)
            self._recent.clear()
            return None
        rows = {change: device for change, device in changes.since(session, self._low) if change not in self._known}
        self._known.update(rows)
        self._recent.append((at, max(rows, default=self._low)))
        while self._recent and at - self._recent[0][0] >= self._late_s:
            self._low = max(self._low, self._recent.popleft()[1])
            self._known = {change for change in self._known if change > self._low}
        return rows


def write_seen(session: Session, devices: Collection[str]) -> None:
    """One statement, whatever their number; the time is this moment's."""
    if session.get_bind().dialect.name == "postgresql":
        where, ids = "id = ANY(:ids)", sorted(devices)
    else:
        where, ids = "id IN (SELECT value FROM json_each(:ids))", json.dumps(sorted(devices))  # type: ignore[assignment]
    statement = text(f"UPDATE device SET last_seen = :at WHERE {where}")
    session.execute(statement.bindparams(bindparam("at", type_=UtcDateTime())), {"at": now(), "ids": ids})


def load(session: Session, devices: Sequence[str], tenant: str, interval: int) -> dict[str, View]:
    """The views of many devices by two queries; of unknown ones too."""
    query = (
        select(Device.id, Device.token_sha256, Device.capabilities, Token.sha256)
        .outerjoin(Token, (Device.gateway_id == Token.id) & Token.revoked_at.is_(None))
        .where(Device.id.in_(devices))
    )
    views = {device: View((), b"", b"", (), time.monotonic() + STRANGE_S) for device in devices}
    offers = _offers(session, devices)
    for device, own, capabilities, gateway in session.execute(query):
        tokens = tuple(token.encode() for token in (own, gateway) if token)
        links = _links(f"/{tenant}/controller/v1/{device}", offers.get(device, ()), capabilities is None)
        views[device] = _view(tokens, links, tuple(offers.get(device, ())), _sleep(device, interval))
    return views


def _offers(session: Session, devices: Sequence[str]) -> dict[str, list[Offer]]:
    query = (
        select(
            Action.device_id,
            Action.id,
            Action.state,
            Action.cancel,
            Action.seq,
            Model.name,
            Version.number,
            Build.signed_sha256,
            Build.signed_bytes,
        )
        .join(Rollout, Action.rollout_id == Rollout.id)
        .join(Version, Rollout.version_id == Version.id)
        .join(Model, Version.model_id == Model.id)
        .outerjoin(Build, (Action.build_id == Build.id) & (Build.state == "ready"))
        .where(Action.device_id.in_(devices), Action.open)
        .order_by(Action.id)
    )
    found: dict[str, list[Offer]] = {}
    for device, action, state, cancel, seq, model, version, sha256, size in session.execute(query):
        shown = state != "scheduled" and not cancel and sha256 is not None
        offer = Offer(action, model, version, sha256 or "", size or 0, seq, shown, cancel)
        found.setdefault(device, []).append(offer)
    return found


def _links(base: str, offers: Sequence[Offer], asks: bool) -> dict[str, dict[str, str]]:
    """One thing at a time: what is to be stopped, else the oldest thing to install."""
    links = {"configData": {"href": f"{base}/configData"}} if asks else {}
    stop = next((offer for offer in offers if offer.cancel), None)
    start = next((offer for offer in offers if offer.shown), None)
    if stop is not None:
        links["cancelAction"] = {"href": f"{base}/cancelAction/{stop.action}"}
    elif start is not None:
        links["deploymentBase"] = {"href": f"{base}/deploymentBase/{start.action}"}
    return links


def _view(tokens: tuple[bytes, ...], links: dict[str, dict[str, str]], offers: tuple[Offer, ...], sleep: str) -> View:
    body = json.dumps({"config": {"polling": {"sleep": sleep}}, "_links": links}, separators=(",", ":")).encode()
    etag = b'"' + hashlib.sha256(body).hexdigest()[:16].encode() + b'"'
    spread = 1 + zlib.crc32(body) % 256 / 1024  # not all at once
    return View(tokens, etag, body, offers, time.monotonic() + FRESH_S * spread)


def _sleep(device: str, interval: int) -> str:
    """The operator's interval, up to a tenth more or less, always the same for a device: a fleet that starts together spreads out."""
    seconds = max(1, round(interval * (0.9 + zlib.crc32(device.encode()) % 1024 / 1024 * 0.2)))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
