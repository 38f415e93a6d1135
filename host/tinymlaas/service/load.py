"""The load figures of docs/PERFORMANCE.md: ``make load``. The server has one core, the fleet another; nothing is mocked.

Two figures: polls per second with unchanged answers, and a staged rollout to many devices, in the middle of which the server is killed
by SIGKILL and started again; then books are compared, device by device.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import TinymlError
from . import simulate
from .client import Client
from .simulate import Fleet, Habits
from .wire import parse_url

MODEL = Path(__file__).parents[3] / "device/examples/digits/digits.tflite"
GROUP = "load"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Server:
    """``tinymlaas serve`` in a process of its own, that can be killed and started again. ``core``: the only one it may use."""

    folder: Path
    core: int | None = None
    options: Sequence[str] = ()
    port: int = 0
    token: str = ""
    spent_s: float = 0.0  # CPU time of processes that were killed
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Returns when it listens."""
        command = [sys.executable, "-c", "from tinymlaas.cli import main; main()", "serve", "--json"]
        command += ["--data", str(self.folder), "--port", str(self.port), *self.options]
        pin = None if self.core is None else {self.core}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, pin) if pin else None
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise TinymlError("the server did not start; its own message says why")
        said = json.loads(line)
        self.port = int(said["url"].rsplit(":", 1)[1])
        self.token = said["admin_token"] or self.token

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """As a power cut would, as far as the process goes."""
        assert self.process is not None
        self.spent_s += self.cpu_s()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Orderly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def cpu_s(self) -> float:
        """CPU seconds that the present process has used, all threads, without its children."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


def polls(server: Server, devices: int, seconds: float) -> dict[str, Any]:
    """Unchanged polls: each needs its device's token checked and its answer found; per second, and per CPU second of the server."""
    with Client(server.url, server.token) as client:
        names = [f"poll-{number:06}" for number in range(devices)]
        fleet = simulate.build(names, simulate.enrol(client, names, "polls"))
    asyncio.run(
        _for(Fleet(parse_url(server.url), fleet, Habits(interval=0.0), 32), 8.0)
    )  # declare, and fill the caches
    measured = Fleet(parse_url(server.url), fleet, Habits(interval=0.0, polls_only=True), 32)
    began, cpu = time.monotonic(), server.cpu_s()
    asyncio.run(_for(measured, seconds))
    elapsed, spent = time.monotonic() - began, server.cpu_s() - cpu
    count = measured.counts["poll"]
    return {
        "polls": count,
        "polls_per_s": round(count / elapsed),
        "polls_per_cpu_s": round(count / spent),
        "slowest_ms": round(measured.slowest * 1000),
        "unanswered": measured.lost,
    }


async def _settled(fleet: Fleet) -> None:
    """Until every device has declared what it is, and has an answer that does not change any more."""
    until = asyncio.Event()
    task = asyncio.create_task(fleet.run(until))
    while fleet.counts["declare"] < len(fleet.devices) or fleet.counts["poll"] < 4 * len(fleet.devices):
        await asyncio.sleep(0.1)
    until.set()
    await task


async def _for(fleet: Fleet, seconds: float) -> None:
    until = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, until.set)
    await fleet.run(until)


def rollout(server: Server, devices: int, stages: Sequence[int], kill_at: float = 0.5, **habits: Any) -> dict[str, Any]:
    """A staged rollout to a fleet; the server is killed when that share of it has answered. ``wrong``: differences between the books."""
    with Client(server.url, server.token) as client:
        names = [f"load-{number:06}" for number in range(devices)]
        fleet = simulate.build(names, simulate.enrol(client, names, GROUP))
        with MODEL.open("rb") as file:
            version = client.upload("/models", file, MODEL.name, {"name": "digits"})["version"]
        body = {
            "model": "digits",
            "version": version,
            "group": GROUP,
            "stages": stages,
            "limits": {"failed_percent": 50},
        }
        number = client.post("/rollouts", body)["id"]
        players = Fleet(parse_url(server.url), fleet, Habits(**habits), 128)
        began = time.monotonic()
        restart_s = asyncio.run(_roll(server, client, number, players, devices * kill_at))
        elapsed = time.monotonic() - began
        wrong = players.complaints() + simulate.audit(fleet, simulate.actions(client, number))
        found = client.get(f"/rollouts/{number}")
    return {
        "devices": devices,
        "state": found["state"],
        "stages": [stage["states"] for stage in found["stages"]],
        "seconds": round(elapsed, 1),
        "requests": dict(players.counts),
        "requests_per_s": round(sum(players.counts.values()) / elapsed),
        "server_cpu_s": round(server.spent_s + server.cpu_s(), 1),
        "unanswered": players.lost,
        "restart_s": restart_s,
        "wrong": wrong,
    }


async def _roll(server: Server, client: Client, number: int, players: Fleet, kill_after: float) -> float | None:
    """Plays until the rollout has ended; how long the server took to be back."""
    until, restart_s = asyncio.Event(), None
    task = asyncio.create_task(players.run(until, players.interval or 0.0))
    while True:
        await asyncio.sleep(0.5)
        if task.done():
            await task
        told = sum(len(device.done) for device in players.devices)
        if restart_s is None and told >= kill_after:
            server.kill()
            await asyncio.sleep(1.0)
            began = time.monotonic()
            await asyncio.to_thread(server.start)
            restart_s = round(time.monotonic() - began, 2)
        found = await asyncio.to_thread(client.get, f"/rollouts/{number}")
        if found["state"] not in ("waiting", "running"):
            break
    until.set()
    await task
    return restart_s


def main() -> None:
    """Prints both figures; exit status 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make load")
    parser.add_argument("--devices", type=int, default=100_000, help="of the rollout")
    parser.add_argument("--pollers", type=int, default=10_000, help="of the poll figure")
    parser.add_argument("--seconds", type=float, default=15, help="of the poll figure")
    parser.add_argument(
        "--interval", type=float, default=60, help="seconds between a device's polls during the rollout"
    )
    parser.add_argument("--database", help="postgresql://… instead of SQLite")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the server must not outlive this
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory(prefix="tinymlaas-load-") as folder:
        more = ["--database", options.database] if options.database else []
        server = Server(Path(folder), cores[0] if len(cores) > 1 else None, more)
        server.start()
        try:
            print(json.dumps({"polls": polls(server, options.pollers, options.seconds)}), flush=True)
            found = rollout(server, options.devices, [1, 10, 100], interval=options.interval)
        finally:
            server.stop()
    wrong = found.pop("wrong")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(json.dumps({"rollout": found, "server_memory_mib": memory, "lost_or_doubled": len(wrong)}), flush=True)
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    sys.exit(bool(wrong) or found["state"] != "finished")


if __name__ == "__main__":
    main()
