"""A simulated fleet: devices that speak the real protocol, keep their own books, and check the server against them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import json
import secrets
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import TinymlError
from ..target import load_boards
from . import wire
from .capabilities import of_board
from .changes import parts
from .client import Client
from .wire import Reply, Server, Wire

PIECE = 4096  # bytes of a download's first range; the rest comes by a second one, as after a cut
_PAGE_S = 0.11  # an operator's token may ask ten times a second
BACKOFF_S = 0.5  # after an answer that did not come; doubles up to 8 s


@dataclass(frozen=True, slots=True)
class Habits:
    """How the fleet behaves. Shares in percent, times in seconds. ``interval`` None: as the server says. ``slower``: factor of v+1."""

    fail_percent: float = 0.0
    interval: float | None = None
    report_health: bool = True
    slower: float = 1.0
    polls_only: bool = False


@dataclass(slots=True)
class Device:
    """A simulated device and its books. ``done``: what it has told, and been heard, about each action."""

    path: str
    headers: bytes
    declares: bytes
    etag: bytes = b""
    version: int = 0
    seq: dict[int, int] = field(default_factory=dict)
    done: dict[int, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that must be answered, however often it takes."""

    kind: str
    data: bytes


Life = Generator[Ask | float, Reply, None]  # a float: seconds to sleep; is sent an empty reply


def live(device: Device, habits: Habits) -> Life:
    """A device's loop: what a board does, without the board."""
    while True:
        same = b"if-none-match: %s\r\n" % device.etag if device.etag else b""
        reply = yield Ask("poll", wire.request("GET", device.path, device.headers + same))
        if reply.status == 429:
            yield reply.retry_after
            continue
        if reply.status == 304 or habits.polls_only:
            device.etag = reply.etag or device.etag
            yield 30.0 if habits.interval is None else habits.interval
            continue
        device.etag = reply.etag
        said = _json(device, reply, 200)
        links = said.get("_links", {})
        if "configData" in links:
            data = b'{"mode":"replace","data":%s}' % device.declares
            reply = yield Ask("declare", wire.request("PUT", links["configData"]["href"], device.headers, data))
            _json(device, reply, 200)
        elif "cancelAction" in links:
            yield from _stop(device, links["cancelAction"]["href"])
        elif "deploymentBase" in links:
            yield from _install(device, links["deploymentBase"]["href"], habits)
        else:
            yield _seconds(said["config"]["polling"]["sleep"]) if habits.interval is None else habits.interval


def _install(device: Device, path: str, habits: Habits) -> Life:
    """Download, verify, test, confirm; or fail, as its fate has it."""
    reply = yield Ask("deployment", wire.request("GET", path, device.headers))
    if reply.status == 404:
        device.etag = b""  # it was withdrawn in between
        yield BACKOFF_S
        return
    said = _json(device, reply, 200)
    action, chunk = int(said["id"]), said["deployment"]["chunks"][0]
    if action in device.done:
        device.complaints.append(f"action {action} was offered again after it was {device.done[action]}")
    device.seq[action] = max(device.seq.get(action, 0), said["seq"])
    if not (yield from _tell(device, path, action, "download")):
        return
    artifact = chunk["artifacts"][0]
    module = yield from _download(device, artifact)
    good = hashlib.sha256(module).hexdigest() == artifact["hashes"]["sha256"]
    if not good:
        device.complaints.append(f"action {action}: the module arrived damaged")
    for step in ("downloaded", "proceeding"):
        yield from _tell(device, path, action, step)
    failed = not good or _fate(path) < habits.fail_percent
    number, before = int(chunk["version"]), device.version
    if number <= before and not failed:
        device.complaints.append(f"action {action} brings version {number} after {before}")
    micros = round(1000 * habits.slower ** (number - 1))
    health = {"model": chunk["name"], "version": number, "selftest": not failed, "inference_us": micros, "errors": 0}
    result = ("failure", "self-test: vector 0 differs") if failed else ("success", "self-test passed")
    if (yield from _tell(device, path, action, "closed", *result, health=None if failed else health)):
        device.done[action] = "failed" if failed else "confirmed"
        device.version = before if failed else number
        if habits.report_health and not failed:
            body = json.dumps(health).encode()
            reply = yield Ask("health", wire.request("POST", f"{device.path}/health", device.headers, body))
            _json(device, reply, 200)


def _download(device: Device, artifact: dict[str, Any]) -> Generator[Ask | float, Reply, bytes]:
    """In two ranges, as after a cut."""
    href, size, got = artifact["_links"]["download-http"]["href"], artifact["size"], b""
    while len(got) < size:
        end = PIECE if not got else size
        wanted = b"range: bytes=%d-%d\r\n" % (len(got), min(end, size) - 1)
        reply = yield Ask("artifact", wire.request("GET", href, device.headers + wanted))
        if reply.status == 429:
            yield reply.retry_after
        elif reply.status != 206:
            device.complaints.append(f"{href}: {reply.status} {reply.body[:100]!r}")
            return got
        else:
            got += reply.body
    return got


def _tell(
    device: Device, path: str, action: int, execution: str, finished: str = "none", detail: str = "", health: Any = None
) -> Generator[Ask | float, Reply, bool]:
    """A feedback; False when the action has ended without us. The same number is sent until it is heard."""
    device.seq[action] = seq = device.seq.get(action, 0) + 1
    status = {"execution": execution, "result": {"finished": finished}, "details": [detail] if detail else []}
    body: dict[str, Any] = {"id": str(action), "seq": seq, "status": status}
    if health:
        body["health"] = health
    while True:
        data = wire.request("POST", f"{path}/feedback", device.headers, json.dumps(body).encode())
        reply = yield Ask("feedback", data)
        if reply.status != 429:
            break
        yield reply.retry_after
    if reply.status == 200:
        return True
    if reply.status not in (404, 409, 410):
        device.complaints.append(f"feedback {execution}: {reply.status} {reply.body[:100]!r}")
    return False


def _stop(device: Device, path: str) -> Life:
    reply = yield Ask("deployment", wire.request("GET", path, device.headers))
    if reply.status == 404:
        device.etag = b""
        yield BACKOFF_S
        return
    said = _json(device, reply, 200)
    action = int(said["id"])
    device.seq[action] = max(device.seq.get(action, 0), said["seq"])
    if (yield from _tell(device, path, action, "canceled")):
        device.done[action] = "canceled"


def _json(device: Device, reply: Reply, status: int) -> dict[str, Any]:
    if reply.status != status:
        device.complaints.append(f"{reply.status} {reply.body[:100]!r}")
        return {"_links": {}, "config": {"polling": {"sleep": "00:00:01"}}}
    found: dict[str, Any] = json.loads(reply.body)
    return found


def _seconds(sleep: str) -> float:
    hours, minutes, seconds = map(int, sleep.split(":"))
    return hours * 3600.0 + minutes * 60 + seconds


def _fate(path: str) -> float:
    """0 to 100, the same for a device and an action whenever it is asked."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=4).digest(), "big") / 2**32 * 100


class Fleet:
    """Devices on few connections. ``counts``: requests by kind; ``lost``: answers that did not come."""

    def __init__(self, server: Server, devices: Sequence[Device], habits: Habits, connections: int = 64) -> None:
        self.devices = devices
        self.counts: Counter[str] = Counter()
        self.lost = 0
        self.slowest = 0.0
        self._wires = [Wire(server) for _ in range(connections)]
        self._lives = [live(device, habits) for device in devices]
        self._due: list[tuple[float, int, Reply | None]] = []
        self.interval = habits.interval

    async def run(self, until: asyncio.Event, spread_s: float = 0.0) -> None:
        """Until the event is set; requests under way are finished first."""
        at = time.monotonic()
        self._due = [(at + spread_s * n / max(1, len(self._lives)), n, None) for n in range(len(self._lives))]
        try:
            await asyncio.gather(*(self._serve(one, until) for one in self._wires))
        finally:
            for one in self._wires:
                one.close()

    async def _serve(self, connection: Wire, until: asyncio.Event) -> None:
        while not until.is_set():
            if not self._due or self._due[0][0] > time.monotonic():
                await asyncio.sleep(0.02)
                continue
            _, number, pending = heapq.heappop(self._due)
            await self._spend(connection, number, pending, until)

    async def _spend(self, connection: Wire, number: int, pending: Reply | None, until: asyncio.Event) -> None:
        """Lives a device's life on this connection until it sleeps."""
        life = self._lives[number]
        want = next(life) if pending is None else life.send(pending)
        while isinstance(want, Ask):
            reply = await self._ask(connection, want)
            want = life.send(reply)
            if until.is_set() and isinstance(want, Ask):
                self._lives[number] = _resumed(want, life)
                return
        heapq.heappush(self._due, (time.monotonic() + want, number, Reply(0)))

    async def _ask(self, connection: Wire, want: Ask) -> Reply:
        """Asks until there is an answer that is not the server's trouble."""
        wait = BACKOFF_S
        while True:
            began = time.monotonic()
            try:
                reply = await connection.ask(want.data)
            except OSError:
                self.lost += 1
            else:
                if reply.status < 500:
                    self.counts[want.kind] += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    return reply
                self.lost += 1
            await asyncio.sleep(wait)
            wait = min(wait * 2, 8.0)

    def complaints(self) -> list[str]:
        """What devices found wrong."""
        return [f"{device.path.rsplit('/', 1)[-1]}: {text}" for device in self.devices for text in device.complaints]


def _resumed(want: Ask | float, life: Life) -> Life:
    """A life that was cut between two requests, to go on with."""
    while True:
        reply = yield want
        want = life.send(reply)


def enrol(client: Client, ids: Sequence[str], group: str) -> str:
    """Enrols devices behind a new gateway token, which is returned; an admin's token is needed for that."""
    name = f"simulate-{secrets.token_hex(4)}"
    token: str = client.post("/tokens", {"name": name, "role": "gateway"})["token"]
    for part in parts(ids, 5000):
        client.post("/devices/bulk", {"ids": part, "groups": [group], "gateway": name})
    return token


def actions(client: Client, rollout: int) -> Iterator[dict[str, Any]]:
    """All actions of a rollout, as the server has them."""
    after: str | None = "0"
    while after is not None:
        page = client.get(f"/rollouts/{rollout}/actions", limit=500, after=after)
        yield from page["items"]
        after = page["next"]
        time.sleep(_PAGE_S)


def build(ids: Iterable[str], token: str, tenant: str = "default", kind: str = "GatewayToken") -> list[Device]:
    """Devices of all kinds of boards in turn, behind a gateway's token (or one token for all)."""
    says = [of_board(board) for board in load_boards().values() if board.transport != "host"]
    bodies = [
        said.model_copy(update={"link": "gateway", "tinyml": "0.1.0"}).model_dump_json().encode() for said in says
    ]
    headers = f"authorization: {kind} {token}\r\n".encode()
    return [
        Device(f"/{tenant}/controller/v1/{name}", headers, bodies[number % len(bodies)])
        for number, name in enumerate(ids)
    ]


def audit(devices: Sequence[Device], parts: Iterable[dict[str, Any]]) -> list[str]:
    """Compares the server's actions of a rollout with the devices' own books: every difference, in words.

    A device whose last words were never acknowledged may have been heard nevertheless: that is no difference.
    """
    books = {device.path.rsplit("/", 1)[-1]: device for device in devices}
    wrong, seen = [], Counter[str]()
    for part in parts:
        name, state = part["device_id"], part["state"]
        device, spoke = books.get(name), part["state"] in ("confirmed", "failed", "canceled")
        seen[name] += 1
        if part["open"]:
            wrong.append(f"{name}: action {part['id']} is still {state}")
        elif device is None:
            wrong.append(f"{name}: action {part['id']}: the fleet has no such device")
        elif spoke and device.done.get(part["id"]) not in (state, None):
            wrong.append(f"{name}: action {part['id']} is {state}, the device says {device.done[part['id']]}")
        elif spoke and part["id"] not in device.done:
            wrong.append(f"{name}: action {part['id']} is {state}, the device knows nothing of it")
    wrong += [f"{name}: {count} actions" for name, count in seen.items() if count != 1]
    wrong += [f"{name}: no action" for name in books if name not in seen]
    return wrong


def play(
    client: Client,
    server: Server,
    devices: Sequence[Device],
    habits: Habits,
    connections: int = 64,
    rollout: int | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Plays devices until a rollout has ended, for some seconds, or until Ctrl-C; figures, and under ``wrong`` every difference found."""
    fleet, began = Fleet(server, devices, habits, connections), time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_played(fleet, client, rollout, seconds))
    elapsed = time.monotonic() - began
    wrong = fleet.complaints()
    if rollout is not None:
        wrong += audit(devices, actions(client, rollout))
    return {
        "devices": len(devices),
        "seconds": round(elapsed, 1),
        "requests": dict(fleet.counts),
        "per_second": round(sum(fleet.counts.values()) / elapsed),
        "slowest_ms": round(1000 * fleet.slowest),
        "unanswered": fleet.lost,
        "outcomes": dict(Counter(state for device in devices for state in device.done.values())),
        "wrong": wrong,
    }


async def _played(fleet: Fleet, client: Client, rollout: int | None, seconds: float | None) -> None:
    until = asyncio.Event()
    spread = fleet.interval if fleet.interval is not None else 30.0
    task = asyncio.create_task(fleet.run(until, min(spread, 30.0)))
    deadline = time.monotonic() + (seconds or float("inf"))
    while not task.done() and time.monotonic() < deadline:
        await asyncio.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
        if rollout is not None and await asyncio.to_thread(_ended, client, rollout):
            break
    until.set()
    await task


def _ended(client: Client, rollout: int) -> bool:
    """While the server is away it has not ended."""
    try:
        return client.get(f"/rollouts/{rollout}")["state"] not in ("waiting", "running", "paused")
    except TinymlError:
        return False
